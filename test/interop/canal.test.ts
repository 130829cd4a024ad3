/** Canal: flanneld and flannel's own CNI plugin on every host, and Weir's policy after them in the chain, by cni-configs/weir-flannel.json. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LabHost, TWO_RACKS } from '@weir/lab';
import { endpointName, type Host } from '@weir/resources';
import test from 'ava';
import { eventually } from '../testbed/eventually.ts';
import { Etcd, FLANNEL_NETWORK, FLANNEL_POOLS, FLANNEL_PREFIX } from '../testbed/flannel-host.ts';
import { expectFlows, expectFlowsUnder, hostPlace } from '../testbed/flows.ts';
import { readReadiness } from '../testbed/health.ts';
import { Testbed, type Workload } from '../testbed/testbed.ts';
import { Traffic } from '../testbed/traffic.ts';
import { findFlannel } from './flannel-programs.ts';
import { Flanneld, installFlannelNetwork } from './flanneld.ts';

const { flanneld, plugin, missing } = await findFlannel();
if (missing !== undefined) test(`Canal with flannel itself is not tried here: ${missing}`, (t) => t.pass());
const real = missing === undefined ? test.serial : test.serial.skip;

/** A host in each of two racks, with a router between them; and one where Weir itself joins the network. */
let testbed: () => Testbed;

let daemons: Flanneld[];
let network: string;
let canalHosts: LabHost[];
let places: { server: Workload; near: Workload; far: Workload };

if (missing === undefined) {
  testbed = Testbed.share(test, {
    topology: { subnets: TWO_RACKS.subnets, hosts: ['rack-1', 'rack-2', 'rack-1'] },
    store: 'etcd',
    manifests: FLANNEL_POOLS,
  });
  test.serial.before('flannel on both hosts, three containers', async (t) => {
    t.timeout(60_000);
    const bed = testbed();
    const { folder, storeEnvironment } = bed.cluster;
    const endpoint = storeEnvironment.WEIR_ETCD_ENDPOINTS!;
    const config = { ...FLANNEL_NETWORK, Backend: { Type: 'vxlan' } };
    new Etcd(folder.namespacePath('switch'), endpoint).put(`${FLANNEL_PREFIX}/config`, JSON.stringify(config));
    canalHosts = bed.hosts.slice(0, 2);
    daemons = canalHosts.map(({ name }) => new Flanneld({ path: flanneld, folder, name, endpoint, options: ['--ip-masq'] }));
    await Promise.all(daemons.map((daemon) => daemon.start()));
    for (const [index, host] of canalHosts.entries()) {
      const files = { subnetFile: daemons[index]!.subnetFile, data: join(folder.path, `data-${host.name}`) };
      network = installFlannelNetwork(host, plugin, files);
    }
    const [one, two] = canalHosts as [LabHost, LabHost];
    const task = (host: LabHost, name: string) =>
      bed.launch(host, { app: name === 'server' ? 'server' : 'client', zone: name }, { name, network });
    const [server, near, far] = await Promise.all([task(one, 'server'), task(one, 'near'), task(two, 'far')]);
    places = { server, near, far };
  });
}

const run = (namespace: string, ...command: string[]): string =>
  execFileSync('nsenter', [`--net=${namespace}`, ...command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

const OPEN = {
  'near > server tcp/80': true,
  'far > server tcp/80': true,
  'far > server udp/80': true,
  'server > far ping': true,
  'near > server ping': true,
};

real('without policy everybody reaches everybody, on one host and between hosts', async (t) => {
  t.timeout(60_000);
  for (const { ipv4, ipv6 } of Object.values(places)) t.regex(`${ipv4} ${ipv6}`, /^10\.5\.\d+\.\d+ fc00:/);
  await expectFlows(t, places, OPEN);
  const trace = ['trace', '--from', 'zone=far', '--to', 'zone=server', '--port', 'tcp/80'];
  const way = async () => /^Way: .*$/m.exec(await testbed().mustWeir(trace))?.[0];
  const [server, far] = [places.server.host.name, places.far.host.name];
  t.is(await eventually(way, (text) => text?.endsWith('by flannel') === true), `Way: ${far} to ${server}, by flannel`);
});

real('ingress by labels, ports and protocols, on one host and between hosts; a label that goes cuts flows', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const manifest = `
apiVersion: weir/v1
kind: Policy
metadata: { name: server }
spec: { selector: app == 'server', ingress: [{ action: Allow, protocol: TCP, source: { selector: app == 'client' }, destination: { ports: [80] } }] }
`;
  await bed.apply(manifest);
  await expectFlows(t, places, {
    'near > server tcp/80': true,
    'near > server tcp/81': false,
    'near > server ping': false,
    'far > server tcp/80': true,
    'far > server tcp/81': false,
    'far > server udp/80': false,
    'server > near tcp/81': true,
    'server > far tcp/81': true,
  });
  for (const name of ['near', 'far'] as const) {
    await places[name].traffic.stream('ipv4', { address: places.server.ipv4, port: 80 });
    await places[name].traffic.stream('ipv6', { address: places.server.ipv6, port: 80 });
  }
  for (const name of ['near', 'far'] as const) {
    await label(places[name], 'app=stranger');
    await expectFlows(t, places, { [`${name} > server tcp/80`]: false });
    for (const stream of ['ipv4', 'ipv6']) {
      const { answered } = await places[name].traffic.streamState(stream);
      await places.near.traffic.tcp({ address: places.server.ipv4, port: 81 }); // for as long as nothing comes of it
      t.is((await places[name].traffic.streamState(stream)).answered, answered, `${stream} of ${name} goes on`);
    }
    await label(places[name], 'app=client');
  }
  await expectFlows(t, places, { 'near > server tcp/80': true, 'far > server tcp/80': true });
  await bed.delete(manifest);
  await expectFlows(t, places, OPEN);
});

function label({ containerId }: Workload, change: string): Promise<string> {
  return testbed().mustWeir(['label', 'endpoint', endpointName(containerId, 'eth0'), change, '--overwrite']);
}

real('egress: to a label, not to others, not to the host, not out', async (t) => {
  t.timeout(60_000);
  const [one] = testbed().hosts as [LabHost];
  const [inHost, outside] = [new Traffic('host', one.namespace), new Traffic('outside', testbed().cluster.folder.namespacePath('switch'))];
  t.teardown(() => Promise.all([inHost.close(), outside.close()]));
  await Promise.all([inHost.listen({ tcp: [9999] }), outside.listen({ tcp: [9999], udp: [9999] })]);
  const around = { ...places, host: hostPlace(one, inHost), outside: { ipv4: '192.0.2.1', ipv6: '2001:db8::1', traffic: outside } };
  await expectFlows(t, around, { 'near > host tcp/9999': true, 'near > outside tcp/9999': true, 'near > outside udp/9999': true });
  // flanneld masquerades what leaves its network, and nothing within it: else the labels of the tests above had matched nothing.
  t.deepEqual(
    (await outside.heard()).map((address) => address.replace('::ffff:', '')).toSorted(),
    [one.addresses.ipv4, one.addresses.ipv6].toSorted(),
  );
  await expectFlowsUnder(
    t,
    testbed(),
    `{ apiVersion: weir/v1, kind: Policy, metadata: { name: near }, spec: { selector: zone == 'near', types: [Egress], egress: [{ action: Allow, destination: { selector: zone == 'far' } }] } }\n`,
    around,
    {
      'near > far tcp/80': true,
      'near > server tcp/80': false,
      'near > host tcp/9999': false,
      'near > outside tcp/9999': false,
      'server > near tcp/80': true,
    },
  );
});

real('flanneld, killed and started again, changes nothing of policy and cuts nothing', async (t) => {
  t.timeout(60_000);
  const closed = `{ apiVersion: weir/v1, kind: Policy, metadata: { name: closed }, spec: { selector: app == 'server', ingress: [{ action: Allow, source: { selector: zone == 'far' } }] } }\n`;
  await testbed().apply(closed);
  await places.far.traffic.stream('kept', { address: places.server.ipv4, port: 80 });
  const [daemon] = daemons as [Flanneld];
  await daemon.stop('SIGKILL');
  await daemon.start();
  const { answered } = await places.far.traffic.streamState('kept');
  const state = await eventually(
    () => places.far.traffic.streamState('kept'),
    (seen) => seen.answered > answered || seen.ended !== undefined,
  );
  t.is(state.ended, undefined);
  await expectFlows(t, places, { 'far > server tcp/80': true, 'near > server tcp/80': false });
  await testbed().delete(closed);
});

real('a host where Weir joined the network is one more: by labels, both ways, in the rack and behind the router', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  const host = bed.hosts[2]!;
  writeFileSync(host.agentConfig, JSON.stringify({ ...JSON.parse(readFileSync(host.agentConfig, 'utf8')), flannel: {} }));
  await host.stopAgent();
  await host.startAgent();
  const lease = await eventually(
    async () => (JSON.parse(await bed.mustWeir(['get', 'host', host.name, '-o', 'json'])) as Host).spec.flannel,
    (seen) => seen !== undefined,
  );
  t.is(lease?.containers, 'Weir');
  const joined = await bed.launch(host, { app: 'joined' }, { name: 'joined' });
  const around = { ...places, joined };
  await expectFlows(t, around, { 'far > joined tcp/80': true, 'joined > far tcp/80': true, 'near > joined ping': true });
  for (const canal of canalHosts) {
    t.regex(run(canal.namespace, 'ip', 'route', 'get', joined.ipv4), / dev flannel\.1 /, 'flanneld’s way, not one of Weir’s beside it');
    const { reasons } = await eventually(
      () => readReadiness(canal),
      (seen) => seen.reasons.length === 0,
    );
    t.deepEqual(reasons, []);
  }
  const only = (selected: string, by: string) =>
    `{ apiVersion: weir/v1, kind: Policy, metadata: { name: ${selected} }, spec: { selector: app == '${selected}', ingress: [{ action: Allow, source: { selector: ${by} } }] } }\n`;
  await expectFlowsUnder(t, bed, `${only('server', "app == 'joined'")}---\n${only('joined', "zone == 'far'")}`, around, {
    'joined > server tcp/80': true,
    'far > server tcp/80': false,
    'far > joined tcp/80': true,
    'near > joined tcp/80': false,
    'joined > near tcp/80': true,
  });
  await bed.destroy(joined);
});

real('after the last container nothing of policy is left, and flannel’s is as it was', async (t) => {
  t.timeout(60_000);
  const bed = testbed();
  for (const task of Object.values(places)) await bed.destroy(task);
  for (const { namespace } of canalHosts) {
    const left = await eventually(
      () => run(namespace, '/usr/sbin/nft', 'list', 'ruleset'),
      (text) => !text.includes('table bridge weir') && !text.includes('veth'),
    );
    t.notRegex(left, /table bridge weir|veth/);
    t.regex(left, /FLANNEL-POSTRTG/);
    t.notRegex(run(namespace, 'ip', '-o', 'link'), /veth/);
  }
  t.is((await bed.mustWeir(['get', 'endpoints', '--all-namespaces', '-o', 'json'])).includes(network), false);
});
