import { presenceKey } from '@weir/resources';
import test from 'ava';
import { shop } from '../testing/shop.ts';
import { endpoint, type Weir } from '../testing/weir.ts';

const EAST = `apiVersion: weir/v1
kind: RemoteCluster
metadata: {name: east}
spec: {cidrs: [10.9.0.0/16]}
`;
const FROM_EAST = `apiVersion: weir/v1
kind: Policy
metadata: {name: from-east, namespace: shop}
spec:
  selector: run == 'db'
  ingress:
    - {action: Allow, protocol: TCP, source: {selector: "weir/cluster == 'east' && run == 'web'"}, destination: {ports: [5432]}}
`;

const remote = (name: string, run: string, ...addresses: string[]) => ({
  kind: 'RemoteEndpoint',
  metadata: { name: `east_${name}`, namespace: 'shop', labels: { run, 'weir/cluster': 'east' } },
  spec: { cluster: 'east', host: 'h1', addresses },
});

async function withEast(t: Parameters<typeof shop>[0]): Promise<Weir> {
  const weir = await shop(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: `${EAST}---\n${FROM_EAST}` });
  await weir.seed(remote('web1-eth0', 'web', '10.9.0.1', '10.8.0.1'), remote('db1-eth0', 'db', '10.9.0.2'));
  return weir;
}

test('trace: an end of another cluster, by labels, name and address; its own policy is not known here', async (t) => {
  const weir = await withEast(t);
  const trace = (from: string, to: string) => weir.run(['trace', '--from', from, '--to', to, '--port', 'tcp/5432']);
  for (const from of ['east:run=web', 'east:shop/run=web', 'east:web1-eth0', '10.9.0.1']) {
    const { stdout, status } = await trace(from, 'shop/run=db');
    t.is(status, 0, from);
    t.regex(stdout, /^east:shop\/web1-eth0 \(run=web, 10\.9\.0\.1 on h1 there\) to shop\/db1-eth0 /m);
    t.regex(stdout, /^Egress of east:shop\/web1-eth0: policy of cluster east is asked there, and is not known here/m);
    t.regex(stdout, /^Allowed: ingress\[0\] of policy\/from-east/m);
  }
  t.is((await trace('east:run=db', 'shop/run=db')).status, 1);
  t.is((await trace('shop/run=web', 'shop/run=db')).status, 1, 'east is meant, and not this cluster');
  t.is((await trace('10.8.0.1', 'shop/run=db')).status, 1, 'no address of east');
  const nobody = await trace('east:run=none', 'shop/run=db');
  t.regex(nobody.stderr, /no endpoint of cluster east is "run=none"/);
  const json = JSON.parse(await weir.ok(t, ['trace', '--from', 'shop/run=web', '--to', 'east:run=db', '--port', 'tcp/1', '-o', 'json']));
  t.like(json, { verdict: 'Allow', to: { cluster: 'east', namespace: 'shop', address: '10.9.0.2' } });
  t.regex(await weir.ok(t, ['policy', 'who', '--to', 'run=db']), /^east:shop\/run=web +shop\/run=db +TCP 5432/m);
});

test('lists, and what is told of a cluster', async (t) => {
  const weir = await withEast(t);
  t.regex(await weir.ok(t, ['endpoint', 'list', '-A', '--cluster', 'east']), /shop +east_web1-eth0 +east +h1 +10\.9\.0\.1,10\.8\.0\.1/);
  t.notRegex(await weir.ok(t, ['endpoint', 'list', '-A']), /10\.9\.0\.1/);
  t.regex(await weir.ok(t, ['get', 'remoteclusters']), /^east +10\.9\.0\.0\/16 +0 +not read yet$/m);
  const status = { host: 'h1', since: '2026-01-01T00:00:00.000Z', endpoints: 2, refused: 1, refusal: 'shop/x: 10.8.0.1' };
  const told = (rest: object) =>
    weir.seed({ kind: 'RemoteCluster', metadata: { name: 'east' }, spec: { cidrs: ['10.9.0.0/16'] }, status: { ...status, ...rest } });
  await told({ state: 'Connected' });
  t.regex(await weir.ok(t, ['get', 'remoteclusters']), /east .* 2 +nobody reads it: the agent of h1 is down$/m);
  await weir.withStore((store) => store.transact({ when: [], then: [{ put: presenceKey('h1'), value: '{"version":"1","since":"x"}' }] }));
  t.regex(await weir.ok(t, ['get', 'remoteclusters']), /connected, by h1$/m);
  await told({ state: 'Away', problem: 'etcd cannot be reached' });
  const described = await weir.ok(t, ['describe', 'remotecluster', 'east']);
  t.regex(described, /^Store: +away since 2026-01-01T00:00:00\.000Z, by h1\n +etcd cannot be reached\n/m);
  t.regex(described, /^Refused: +1, such as shop\/x: 10\.8\.0\.1$/m);
  t.regex(await weir.ok(t, ['apply', '-f', '-'], { stdin: EAST }), /unchanged/, 'what was measured is not what people write');
});

test('what is refused: addresses of two clusters, and what its own agent writes', async (t) => {
  const weir = await withEast(t);
  const west = EAST.replace('east', 'west');
  t.regex((await weir.run(['apply', '-f', '-'], { stdin: west })).stderr, /overlaps remote cluster "east"/);
  const label = await weir.run(['label', 'rep', 'east_web1-eth0', '-n', 'shop', 'run=db', '--overwrite']);
  t.regex(label.stderr, /written by the agent that reads the other cluster/);
  t.regex((await weir.run(['delete', 'rep', 'east_web1-eth0', '-n', 'shop'])).stderr, /as its own cluster has it/);
});

test('a deleted cluster takes its endpoints along', async (t) => {
  const weir = await withEast(t);
  await weir.seed(endpoint('other', { run: 'web' }, { on: 'h1', address: '10.77.0.9' }));
  await weir.ok(t, ['delete', 'remotecluster', 'east']);
  t.is(
    (await weir.run(['get', 'remoteendpoints', '-A', '-o', 'json'])).stdout.trim(),
    JSON.stringify({ apiVersion: 'weir/v1', kind: 'List', items: [] }, null, 2),
  );
  t.is((await weir.run(['trace', '--from', '10.9.0.1', '--to', 'shop/run=db', '--port', 'tcp/5432'])).status, 1);
});
