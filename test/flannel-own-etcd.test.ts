/** flannel's network in an etcd of its own, with TLS, beside Weir's store: what it holds, and what happens when it is away, or has forgotten its history. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { type CertificateFiles, createTestAuthority, type EtcdServer, startEtcdServer, type TestAuthority } from '@weir/datastore/testing';
import { flat, type LabHost } from '@weir/lab';
import test from 'ava';
import { eventually } from './testbed/eventually.ts';
import { Etcd, FLANNEL_NETWORK, FLANNEL_POOLS, FLANNEL_PREFIX, FlannelHost } from './testbed/flannel-host.ts';
import { expectFlows } from './testbed/flows.ts';
import { readReadiness } from './testbed/health.ts';
import { Testbed, type Workload } from './testbed/testbed.ts';

/** Beside those for flannel's containers one that has nothing to do with it. */
const POOLS = `${FLANNEL_POOLS}---
apiVersion: weir/v1
kind: Pool
metadata: { name: plain }
spec: { cidr: 10.64.0.0/16, blockSize: 28 }
`;
const NETWORK = { ...FLANNEL_NETWORK, Backend: { Type: 'vxlan' } };
/** Of the switch, from which every host reaches it. */
const ADDRESS = '192.0.2.1';

const testbed = Testbed.share(test, {
  topology: { subnets: flat(1).subnets, hosts: ['rack-1'], outside: ['rack-1', 'rack-1'] },
  manifests: POOLS,
});

let authority: TestAuthority;
let server: EtcdServer;
let client: CertificateFiles;
let etcd: Etcd;
let host: LabHost;
let near: FlannelHost;
let late: FlannelHost;
let task: Workload;

test.serial.before("an etcd for flannel's network, which wants certificates of its clients", async (t) => {
  t.timeout(60_000);
  [host] = testbed().hosts as [LabHost];
  const { folder } = testbed().cluster;
  const namespace = folder.namespacePath('switch');
  authority = await createTestAuthority();
  const certificate = await authority.issue('server', [`IP:${ADDRESS}`]);
  client = await authority.issue('client');
  server = await startEtcdServer({ tls: { ...certificate, clientCaFile: authority.caFile }, within: { namespace, address: ADDRESS } });
  etcd = new Etcd(namespace, server.endpoint, { ...client, caFile: authority.caFile });
  etcd.put(`${FLANNEL_PREFIX}/config`, JSON.stringify(NETWORK));
  const flannelHost = (index: number) =>
    new FlannelHost({
      namespace: folder.namespacePath(`outside-${index}`),
      containerNamespace: folder.namespacePath(`outside-container-${index}`),
      address: { ipv4: `192.0.2.${100 + index}`, ipv6: `2001:db8::${100 + index}` },
      number: 200 + index,
      etcd,
    });
  [near, late] = [flannelHost(1), flannelHost(2)];
  await near.start();
});

test.after.always(async () => {
  await Promise.all([near?.close(), late?.close()]);
  await server?.stop();
  await authority?.remove();
});

/** Starts the agent anew, in the flannel network of this etcd. */
async function join(files: object): Promise<void> {
  const config = JSON.parse(readFileSync(host.agentConfig, 'utf8'));
  writeFileSync(host.agentConfig, JSON.stringify({ ...config, flannel: { etcd: { endpoints: [server.endpoint], ...files } } }));
  await host.stopAgent();
  await host.startAgent();
}

const reasons = async (): Promise<string[]> => (await readReadiness(host)).reasons;

const leases = (): string[] => etcd.list(`${FLANNEL_PREFIX}/subnets/`).map(({ key }) => key.slice(`${FLANNEL_PREFIX}/subnets/`.length));

test.serial("an etcd whose certificate nobody vouches for: said, and Weir's own networks go on", async (t) => {
  await join(client);
  const told = await eventually(reasons, (seen) => seen.length > 0);
  t.regex(told.join(), /^flannel: .*certificate/);
  const plain = await testbed().launch(host, { app: 'plain', 'weir/pool': 'plain' });
  t.regex(plain.ipv4, /^10\.64\./);
  await testbed().destroy(plain);
});

test.serial("a lease in flannel's etcd, nothing else of Weir's, and packets both ways", async (t) => {
  await join({ ...client, caFile: authority.caFile });
  t.deepEqual(await eventually(reasons, (seen) => seen.length === 0), []);
  t.is(leases().length, 2);
  t.deepEqual(etcd.list('/weir/'), []);
  near.sync();
  task = await testbed().launch(host, { app: 'task', 'weir/pool': 'flannel,flannel6' });
  t.regex(task.ipv4, /^10\.5\./);
  await expectFlows(t, { task, near: near.place }, { 'task > near tcp/80': true, 'near > task tcp/80': true });
});

test.serial('an agent that runs on while etcd is away and forgets its history: it reads all anew, and misses nothing', async (t) => {
  await near.place.traffic.stream('kept', { address: task.ipv4, port: 80 });
  const pid = testbed().agentPid(host);
  // Not to see anything of what follows.
  process.kill(pid, 'SIGSTOP');
  try {
    await server.kill();
    await server.start();
    await late.start();
    // So that the revision at which the lease came is forgotten, too.
    etcd.put('/elsewhere', '');
    etcd.compact();
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await expectFlows(t, { task, late: late.place }, { 'task > late tcp/80': true, 'late > task tcp/80': true });
  t.is(testbed().agentPid(host), pid);
  t.deepEqual(await eventually(reasons, (seen) => seen.length === 0), []);
  const { answered } = await near.place.traffic.streamState('kept');
  const state = await eventually(
    () => near.place.traffic.streamState('kept'),
    (seen) => seen.answered > answered,
  );
  t.is(state.ended, undefined);
  t.true(state.answered > answered);

  late.leave();
  const routes = () => execFileSync('nsenter', [`--net=${host.namespace}`, 'ip', 'route', 'show', '10.5.202.0/24'], { encoding: 'utf8' });
  t.is(await eventually(routes, (seen) => seen === ''), '', 'it follows on');
});
