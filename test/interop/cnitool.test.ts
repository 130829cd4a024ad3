/** The tools under cnitool: every verb of libcni, in every version of the specification that has lists. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Netlink } from '@weir/kernel';
import test from 'ava';
import { eventually } from '../testbed/eventually.ts';
import { Testbed } from '../testbed/testbed.ts';
import { Traffic } from '../testbed/traffic.ts';
import { type CnitoolVerb, findCnitool, runCnitool } from './cnitool.ts';

const found = await findCnitool();
const testbed = Testbed.share(test, { hosts: 1 });
if ('missing' in found) test(`cnitool is not tried here: ${found.missing}`, (t) => t.pass());
const real = 'missing' in found ? test.serial.skip : test.serial;

const ipam = { type: 'weir-ipam', families: ['IPv4'] };
const hostLocal = () => ({
  type: 'host-local',
  ranges: [[{ subnet: '10.92.0.0/24' }]],
  routes: [{ dst: '0.0.0.0/0' }],
  dataDir: join(testbed().cluster.folder.path, 'host-local'),
});
const LISTS: Record<string, () => object[]> = {
  weir: () => [{ type: 'weir', chain: [{ type: 'weir-route', ipam }, { type: 'weir-policy' }] }],
  list: () => [{ type: 'weir-route', failClosed: true, ipam }, { type: 'weir-policy' }],
  'host-local': () => [{ type: 'weir-route', failClosed: true, ipam: hostLocal() }, { type: 'weir-policy' }],
  ptp: () => [{ type: 'ptp', ipam: hostLocal() }, { type: 'weir-policy' }],
};
const VERSIONS = ['0.3.1', '0.4.0', '1.0.0', '1.1.0'];
const hasCheck = (version: string) => version !== '0.3.1';

const countEndpoints = async () => (await testbed().objects.list('Endpoint')).objects.length;

function cnitool(verb: CnitoolVerb, network: string, namespace: string): Promise<string> {
  const { folder } = testbed().cluster;
  const [configDir, cacheDir] = [join(folder.path, 'lists'), join(folder.path, 'libcni')];
  return runCnitool(
    { path: (found as { path: string }).path, host: testbed().hosts[0]!, configDir, cacheDir },
    { verb, network, namespace },
  );
}

function writeList(name: string, cniVersion: string, plugins: object[]): void {
  const configDir = join(testbed().cluster.folder.path, 'lists');
  mkdirSync(configDir, { recursive: true });
  writeFileSync(join(configDir, `${name}.conflist`), JSON.stringify({ cniVersion, name, plugins }));
}

for (const [kind, plugins] of Object.entries(LISTS)) {
  // Debian's plugins end at 1.0.0.
  for (const version of ['ptp', 'host-local'].includes(kind) ? VERSIONS.slice(0, -1) : VERSIONS) {
    real(`${kind}, ${version}: add, check, a packet, del twice`, async (t) => {
      const bed = testbed();
      const name = `${kind}-${version}`;
      writeList(name, version, plugins());
      const namespace = bed.makeNamespace(name);
      const result = JSON.parse(await cnitool('add', name, namespace)) as {
        cniVersion: string;
        ips: { address: string; version?: string }[];
      };
      t.is(result.cniVersion, version);
      t.is(result.ips[0]?.version, version.startsWith('0.') ? '4' : undefined);
      if (hasCheck(version)) await cnitool('check', name, namespace);
      const inside = new Traffic(name, namespace);
      const host = new Traffic('host', bed.hosts[0]!.namespace);
      try {
        await inside.listen({ tcp: [80] });
        t.true(await host.tcp({ address: result.ips[0]!.address.split('/')[0]!, port: 80, timeoutMs: 3000 }));
      } finally {
        await Promise.all([inside.close(), host.close()]);
      }
      if (hasCheck(version)) {
        using netlink = Netlink.open({ namespace });
        netlink.deleteAddress('eth0', result.ips[0]!.address);
        await t.throwsAsync(cnitool('check', name, namespace), { message: /ended with 1/ }, 'what was taken away is missed');
      }
      await cnitool('del', name, namespace);
      await cnitool('del', name, namespace);
      t.is(await eventually(countEndpoints, (count) => count === 0), 0);
    });
  }
}

real('1.1.0: status says whether an add could work; gc without a list of attachments removes nothing', async (t) => {
  const bed = testbed();
  writeList('current', '1.1.0', LISTS.list!());
  const namespace = bed.makeNamespace('current');
  await cnitool('status', 'current', namespace);
  writeList('poolless', '1.1.0', [{ type: 'weir-route', ipam: { type: 'weir-ipam', pools: ['nope'] } }]);
  await t.throwsAsync(cnitool('status', 'poolless', namespace), { message: /nope/ });

  await cnitool('add', 'current', namespace);
  rmSync(join(bed.cluster.folder.path, 'libcni'), { recursive: true }); // else libcni calls DEL first, for what it remembers
  // cnitool names no attachments at all, which is not the same as an empty list: to go by it would cut every container off.
  await t.throwsAsync(cnitool('gc', 'current', namespace), { message: /"cni\.dev\/valid-attachments"/ });
  t.is(await countEndpoints(), 1);
  await cnitool('del', 'current', namespace);
});
