/** Each ready network file: Mesos' isolator starts tasks on it, packets go where they should, and policy stops them where it should. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checkNetwork } from '@weir/cni';
import { Netlink } from '@weir/kernel';
import { type LabHost, type NetworkFile, nsenterArguments } from '@weir/lab';
import test from 'ava';
import { eventually } from './testbed/eventually.ts';
import { POOLS, Testbed, type Workload } from './testbed/testbed.ts';

const run = promisify(execFile);
const FOLDER = new URL('../cni-configs/', import.meta.url).pathname;
const FLANNEL = new URL('./testbed/flannel-double.ts', import.meta.url).pathname;
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
const NETWORKS = FILES.map((name) => JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as NetworkFile & { chain: Step[] });
const MANIFESTS = readdirSync(join(FOLDER, 'pools')).map((name) => readFileSync(join(FOLDER, 'pools', name), 'utf8'));

type Step = { type: string } & Record<string, unknown>;

const testbed = Testbed.share(test, {
  hosts: 2,
  manifests: [POOLS, ...MANIFESTS].join('\n---\n'),
  agent: { dns: { resolvers: ['127.0.0.9'] } },
});

test.serial.before('the files on both hosts; what plugins of others keep is in the lab', () => {
  const { hosts, cluster } = testbed();
  for (const [index, host] of hosts.entries()) {
    for (const name of ['bridge', 'host-local']) symlinkSync(`/usr/lib/cni/${name}`, join(host.pluginsDir, name));
    writeFileSync(join(host.pluginsDir, 'flannel'), `#!/bin/sh\nexec ${process.execPath} ${FLANNEL}\n`, { mode: 0o755 });
    const data = join(cluster.folder.path, `data-${host.name}`);
    const subnetFile = `${data}.env`;
    const subnet = `FLANNEL_NETWORK=10.102.0.0/16\nFLANNEL_SUBNET=10.102.${index}.0/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n`;
    writeFileSync(subnetFile, subnet);
    for (const network of NETWORKS) {
      const chain = network.chain.map((step) => ({ ...step, ...keptIn(step, data, subnetFile) }));
      writeFileSync(join(host.configDir, `${network.name}.json`), JSON.stringify({ ...network, chain }));
    }
  }
});

function keptIn(step: Step, dataDir: string, subnetFile: string): object {
  if (step.type === 'bridge') return { ipam: { ...(step.ipam as object), dataDir } };
  return step.type === 'flannel' ? { subnetFile, dataDir: `${dataDir}-flannel`, ipam: { dataDir } } : {};
}

function onlyFriends(namespace: string): string {
  const spec = "{ selector: app == 'server', ingress: [{ action: Allow, source: { selector: app == 'friend' } }] }";
  return `{ apiVersion: weir/v1, kind: Policy, metadata: { name: friends, namespace: ${namespace} }, spec: ${spec} }\n`;
}

/** What glibc's resolver finds in the container, a line for each address; nothing when there is no such name. */
async function lookUp({ container }: Workload, name: string): Promise<string> {
  return run('nsenter', [...nsenterArguments(container.pid), 'getent', 'ahostsv4', name]).then(
    ({ stdout }) => stdout,
    () => '', // status 2: no such name
  );
}

for (const { name: network, chain } of NETWORKS) {
  test.serial(`${network}: packets, and policy`, async (t) => {
    t.timeout(60_000);
    const bed = testbed();
    const [one, two] = bed.hosts as [LabHost, LabHost];
    const isRouted = chain[0]!.type === 'weir-route';
    const task = (host: LabHost, app: string) => bed.launch(host, { 'weir/namespace': network, app }, { name: app, network });
    const elsewhere = isRouted ? two : one; // subnets of bridges are the hosts' own
    const [server, friend, stranger] = await Promise.all([task(one, 'server'), task(one, 'friend'), task(elsewhere, 'stranger')]);
    for (const address of [server.ipv4, server.ipv6].filter((text) => text !== '')) {
      const reaches = (workload: Workload) =>
        eventually(
          () => workload.traffic.tcp({ address, port: 80 }),
          (through) => through,
        );
      t.true(await reaches(friend), address);
      t.true(await reaches(stranger), address);
      await bed.apply(onlyFriends(network));
      const stopped = await eventually(
        () => stranger.traffic.tcp({ address, port: 80 }),
        (through) => !through,
      );
      t.false(stopped, address);
      t.true(await friend.traffic.tcp({ address, port: 80 }), address);
      await bed.delete(onlyFriends(network));
    }
    if (network === 'weir-dual-stack') t.not(server.ipv6, '');
    if (network === 'weir-names') {
      // By the first part of the name alone, as its resolv.conf has it.
      const found = await eventually(
        () => lookUp(stranger, 'server'),
        (text) => text !== '',
      );
      t.regex(found, new RegExp(`^${server.ipv4}\\s`, 'm'));
    }
    if (network === 'weir-vxlan') {
      using netlink = Netlink.open({ namespace: one.namespace });
      t.true(netlink.links().some(({ kind }) => kind === 'vxlan'));
    }
    await Promise.all([server, friend, stranger].map((workload) => bed.destroy(workload)));
  });
}

test('no file has a key that nothing reads, and each stands in the README', async (t) => {
  const readme = readFileSync(join(FOLDER, 'README.md'), 'utf8');
  for (const [index, file] of FILES.entries()) {
    t.regex(readme, new RegExp(`^\\| \`${file}\` +\\| \`${NETWORKS[index]!.name}\``, 'm'));
    const problems = await checkNetwork(NETWORKS[index], [testbed().hosts[0]!.pluginsDir]);
    t.deepEqual(problems, [], file);
  }
});
