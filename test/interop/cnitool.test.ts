/** The tools under cnitool: every verb of libcni, in every version of the specification that has lists; and results beside libcni's own conversion of them. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CNI_VERSIONS, type CniVersion, decodeResult, encodeResult } from '@weir/cni';
import { Netlink } from '@weir/kernel';
import test from 'ava';
import { eventually } from '../testbed/eventually.ts';
import { Testbed } from '../testbed/testbed.ts';
import { Traffic } from '../testbed/traffic.ts';
import { type CnitoolVerb, findCnitool, runCnitool } from './cnitool.ts';
import { convert, findConversion } from './libcni-results.ts';

const found = await findCnitool();
const conversion = await findConversion();
const testbed = Testbed.share(test, { hosts: 1 });
if ('missing' in found) test(`cnitool is not tried here: ${found.missing}`, (t) => t.pass());
if ('missing' in conversion) test(`libcni's conversion is not tried here: ${conversion.missing}`, (t) => t.pass());
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

/** All that a result of that version can say, and as little as it may. */
function resultsOf(cniVersion: CniVersion): object[] {
  const isAtLeast = (version: CniVersion) => CNI_VERSIONS.indexOf(cniVersion) >= CNI_VERSIONS.indexOf(version);
  const dns = { nameservers: ['192.0.2.53'], domain: 'example.test', search: ['example.test'], options: ['ndots:2'] };
  const more = isAtLeast('1.1.0');
  const way = { dst: '0.0.0.0/0', gw: '10.0.0.254', ...(more && { mtu: 1400, advmss: 1300, priority: 10, table: 0, scope: 253 }) };
  const [routes4, routes6] = [[way, { dst: '10.5.0.7/16' }], [{ dst: '::/0' }]];
  const [address4, address6] = ['10.0.0.7/24', 'fd00::7/64'];
  if (!isAtLeast('0.3.0')) {
    const ip4 = { ip: address4, gateway: '10.0.0.1', routes: routes4 };
    return [{ ip4, ip6: { ip: address6, routes: routes6 }, dns }, { ip6: { ip: address6 } }];
  }
  const family = (version: string) => (isAtLeast('1.0.0') ? {} : { version });
  const interfaces = [
    { name: 'host', mac: '02:00:00:00:00:01', ...(more && { mtu: 1500, socketPath: '/run/s', pciID: '0000:00:1f.6' }) },
    { name: 'eth0', sandbox: '/run/netns/x', ...(more && { mtu: 1450 }) },
  ];
  const ips = [
    { ...family('4'), address: address4, gateway: '10.0.0.1', interface: 1 },
    { ...family('6'), address: address6 },
    { ...family('4'), address: '10.0.0.8/24', interface: 0 },
  ];
  return [{ interfaces, ips, routes: [...routes4, ...routes6], dns }, { ips: [{ ...family('4'), address: address4 }] }];
}

('missing' in conversion ? test.skip : test)('a result of each version becomes one of each other as libcni makes it', (t) => {
  const requests = CNI_VERSIONS.flatMap((from) =>
    CNI_VERSIONS.flatMap((to) => resultsOf(from).map((result) => ({ from, to, result: { cniVersion: from, ...result } }))),
  );
  const theirs = convert((conversion as { path: string }).path, requests);
  for (const [index, { from, to, result }] of requests.entries()) {
    const ours: unknown = JSON.parse(JSON.stringify(encodeResult(decodeResult(result, from), to)));
    t.deepEqual(ours, theirs[index], `${from} to ${to}`);
  }
});
