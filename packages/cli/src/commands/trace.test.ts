import { once } from 'node:events';
import { presenceKey } from '@weir/resources';
import test from 'ava';
import { endpoint, host, Weir } from '../testing/weir.ts';

const POLICY = `apiVersion: weir/v1
kind: Policy
metadata: {name: db, namespace: shop}
spec:
  selector: run == 'db'
  ingress:
    - {action: Allow, protocol: TCP, source: {selector: run == 'api'}, destination: {ports: [5432]}}
    - {action: Allow, protocol: TCP, source: {selector: run == 'backup'}, destination: {ports: [5432, 5433]}}
`;

async function shop(t: Parameters<typeof Weir.in>[0]): Promise<Weir> {
  const weir = await Weir.in(t);
  await weir.seed(
    host('h1', '192.168.0.1'),
    host('h2', '192.168.0.2'),
    endpoint('web1', { run: 'web' }, { on: 'h1', address: '10.77.0.1' }),
    endpoint('web2', { run: 'web' }, { on: 'h2', address: '10.77.0.65' }),
    endpoint('api1', { run: 'api' }, { on: 'h2', address: '10.77.0.66' }),
    endpoint('db1', { run: 'db' }, { on: 'h2', address: '10.77.0.67' }),
    {
      kind: 'Block',
      metadata: { name: '10.77.0.64-26' },
      spec: { cidr: '10.77.0.64/26', pool: 'main', host: 'h2', allocations: {} },
    },
  );
  await weir.ok(t, ['apply', '-f', '-'], { stdin: POLICY });
  return weir;
}

test('the exit status is the verdict, also where nobody reads on, as behind `| head`', async (t) => {
  const weir = await shop(t);
  const child = weir.start(['trace', '--from', 'shop/run=web', '--to', 'run=db', '--port', 'tcp/5432']);
  child.stdout!.destroy();
  t.deepEqual(await once(child, 'exit'), [1, null]);
});

test('what is allowed ends with 0, and names the rule', async (t) => {
  const weir = await shop(t);
  const stdout = await weir.ok(t, ['trace', '--from', 'shop/run=api', '--to', 'run=db', '--port', 'tcp/5432']);
  t.regex(stdout, /^shop\/api1-eth0 \(run=api, 10\.77\.0\.66 on h2\) to shop\/db1-eth0 .*, TCP 5432$/m);
  t.regex(stdout, /^Allowed: ingress\[0\] of policy\/db in namespace shop, tier default$/m);
  t.regex(stdout, /^Way: inside h2$/m);
});

test('what is denied ends with 1, says why no rule matched, and the least that would have to change', async (t) => {
  const weir = await shop(t);
  const { status, stdout, stderr } = await weir.run(['trace', '--from', 'run=web', '--to', 'db1', '--port', 'tcp/5432']);
  t.is(status, 1);
  t.is(stderr, '');
  t.regex(stdout, /^Denied: no ingress rule of tier default matches$/m);
  t.regex(stdout, /^This is one of 2 pairs; all are denied\.$/m);
  t.regex(stdout, /^Egress of shop\/web1-eth0: allowed: no policy decides on egress/m);
  t.regex(stdout, /^Way: h1 to h2, by a route via 192\.168\.0\.2$/m);
  t.regex(
    stdout,
    /ingress\[0\] Allow TCP from .*: does not match\n +source\.selector is run == 'api', and the source has run=web in namespace shop$/m,
  );
  t.regex(stdout, /^To allow it:\n {2}ingress\[0\] of policy\/db in namespace shop would allow it, but source\.selector is run == 'api'/m);
});

test('a container that waits for the labels of its task is closed, whatever policy says', async (t) => {
  const weir = await shop(t);
  const waiting = endpoint('new1', {}, { on: 'h2', address: '10.77.0.68' }) as { spec: object };
  await weir.seed({ ...waiting, spec: { ...waiting.spec, mesos: {}, waitsForLabels: true } });
  for (const [from, to, direction] of [
    ['run=api', 'new1', 'Ingress'],
    ['new1', 'outside', 'Egress'],
    ['host/h2', 'new1', 'Ingress'],
  ] as const) {
    const { status, stdout } = await weir.run(['trace', '--from', from, '--to', to, '--port', 'tcp/80']);
    t.is(status, 1);
    t.regex(stdout, /^Denied: it is closed until the labels of its task are known$/m);
    t.regex(stdout, new RegExp(`^${direction} of shop/new1-eth0: denied`, 'm'));
    t.regex(stdout, /^ {2}shop\/new1-eth0 waits for the labels of its task/m);
  }
  const reach: { maySend: string }[] = JSON.parse(await weir.ok(t, ['policy', 'who', '--to', 'new1', '--all', '-o', 'json']));
  t.deepEqual([...new Set(reach.map(({ maySend }) => maySend))], ['nothing']);
});

test('what is wrong on the hosts of the way is told beside policy', async (t) => {
  const weir = await shop(t);
  await weir.withStore(async (store) => {
    const degraded = { version: '0', since: '2026-01-01T00:00:00Z', problems: ['route to 10.77.0.64/26: no next hop'] };
    await store.transact({ when: [], then: [{ put: presenceKey('h1'), value: JSON.stringify(degraded) }] });
  });
  const words = ['trace', '--from', 'web1', '--to', 'api1', '--port', 'tcp/80'];
  t.true(
    (await weir.ok(t, words)).endsWith(
      '\n\nNot of policy, but on the way:\n' +
        '  h1: route to 10.77.0.64/26: no next hop\n' +
        '  h2: its agent gives no sign of life: it or the host is down\n',
    ),
  );
  t.deepEqual(
    JSON.parse(await weir.ok(t, [...words, '-o', 'json'])).troubles.map(({ host }: { host: string }) => host),
    ['h1', 'h2'],
  );
});

test('of several rules the one that fails by least is proposed', async (t) => {
  const weir = await shop(t);
  const { stdout } = await weir.run(['trace', '--from', 'run=api', '--to', 'run=db', '--port', 'tcp/81']);
  t.regex(stdout, /^ {2}ingress\[0\] of .* would allow it, but destination\.ports is 5432, and the flow has port 81$/m);
});

test('a Marathon app or group is named by its id', async (t) => {
  const weir = await Weir.in(t);
  await weir.seed(
    host('h1', '192.168.0.1'),
    endpoint('web1', { 'weir/app': '/shop/web' }, { on: 'h1', address: '10.77.0.1' }),
    endpoint('web2', { 'weir/app': '/shop/web' }, { on: 'h1', address: '10.77.0.2' }),
    endpoint('db1', { 'weir/app': '/shop/data/db' }, { on: 'h1', address: '10.77.0.3' }),
  );
  const pairs = async (from: string) =>
    JSON.parse(await weir.ok(t, ['trace', '--from', from, '--to', '/shop/data', '--port', 'tcp/1', '-o', 'json'])).pairs;
  t.deepEqual(await pairs('/shop/web'), { all: 2, allowed: 2 });
  t.deepEqual(await pairs('/shop'), { all: 2, allowed: 2 });
  const { status, stderr } = await weir.run(['trace', '--from', '/shop/wep', '--to', '/shop', '--port', 'tcp/1']);
  t.is(status, 1);
  t.regex(stderr, /no endpoint is "\/shop\/wep"\n {2}did you mean "\/shop\/web"\?/);
});

test('a private pool, and those who are nobody', async (t) => {
  const weir = await shop(t);
  await weir.ok(t, ['apply', '-f', '-'], {
    stdin: 'apiVersion: weir/v1\nkind: Pool\nmetadata: {name: main}\nspec: {cidr: 10.77.0.0/16, visibility: Private}\n',
  });
  const { status, stdout } = await weir.run(['trace', '--from', 'outside', '--to', 'run=web', '--port', 'tcp/80']);
  t.is(status, 1);
  t.regex(stdout, /^outside \(192\.0\.2\.1\) to .*\nDenied: the pool 10\.77\.0\.0\/16 is private$/m);
  t.regex(await weir.ok(t, ['trace', '--from', 'run=web', '--to', '192.0.2.9', '--port', 'icmp']), /to 192\.0\.2\.9, ICMP type 8 code 0/);
});

test('-o json has every rule with what does not match', async (t) => {
  const weir = await shop(t);
  const { stdout } = await weir.run(['trace', '--from', 'run=web', '--to', 'run=db', '--port', 'udp/5432', '-o', 'json']);
  const { verdict, steps, pairs } = JSON.parse(stdout);
  t.is(verdict, 'Deny');
  t.deepEqual(pairs, { all: 2, allowed: 0 });
  t.deepEqual(
    steps[1].tiers[0].policies[0].rules.map(({ mismatches }: { mismatches: string[] }) => mismatches),
    [
      ['protocol', 'source.selector'],
      ['protocol', 'source.selector'],
    ],
  );
});

test('a policy that cannot be read closes its endpoints, and a trace says so', async (t) => {
  const weir = await shop(t);
  const value =
    '{"apiVersion":"weir/v1","kind":"Policy","metadata":{"name":"bad","namespace":"shop"},"spec":{"selector":"run == \'api\'","x":1}}';
  await weir.withStore((store) => store.transact({ when: [], then: [{ put: '/weir/v1/Policy/shop/bad', value }] }));
  const { status, stdout } = await weir.run(['trace', '--from', 'run=web', '--to', 'run=api', '--port', 'tcp/80']);
  t.is(status, 1);
  t.regex(stdout, /^Denied: policy\/bad in namespace shop is not valid, which closes its endpoints$/m);
});

test('bad ends and ports say what is meant', async (t) => {
  const weir = await shop(t);
  const fails = (status: number, from: string, port: string) =>
    weir.fails(t, status, ['trace', '--from', from, '--to', 'run=db', '--port', port]);
  t.regex(await fails(1, 'shop/run=wep', 'tcp/80'), /^error: no endpoint is "run=wep" in namespace shop\n {2}did you mean "run=web"\?$/m);
  t.regex(await fails(1, 'shpo/run=web', 'tcp/80'), /did you mean "shop"\?/);
  t.regex(await weir.fails(t, 2, ['trace', '--to', 'run=db']), /^error: --from, --port are missing\n/);
  t.regex(await weir.fails(t, 2, ['trace', '--from', 'run=web', '--to', 'run=db']), /^error: --port is missing\n/);
  t.regex(await fails(2, 'run=web', '80'), /^error: --port: "80" may be a port or a protocol: expected tcp\/80 or udp\/80/);
  t.regex(await fails(2, 'run=web', 'tpc/80'), /^error: --port: "tpc\/80" names no protocol: did you mean "tcp"\?/);
  t.regex(
    await fails(1, 'run=web', 'tcp/http'),
    /^error: shop\/db1-eth0 has no TCP port http\n {2}it has no named ports: give the number$/m,
  );
});

const DB_SERVICE = `apiVersion: weir/v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {selector: run == 'db', ports: [{name: sql, port: 6000, targetPort: 5432}], addresses: [11.0.0.7]}
`;

test('a service is whoever is behind it, at the port that it leads to', async (t) => {
  const weir = await shop(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: DB_SERVICE });
  for (const to of ['service/shop/db', 'service/db', '11.0.0.7']) {
    const stdout = await weir.ok(t, ['trace', '--from', 'shop/run=api', '--to', to, '--port', 'tcp/6000']);
    t.regex(stdout, /^shop\/api1-eth0 .* to shop\/db1-eth0 \(run=db, 10\.77\.0\.67 on h2\) behind service shop\/db, TCP 5432$/m, to);
  }
  const other = await weir.run(['trace', '--from', 'run=api', '--to', 'service/db', '--port', 'tcp/5432']);
  t.regex(other.stderr, /service shop\/db has no TCP port 5432\n.*it has sql 6000->5432\/TCP/s);
  t.regex(
    (await weir.run(['trace', '--from', 'run=api', '--to', 'service/dbs', '--port', 'tcp/1'])).stderr,
    /no service is "dbs"\n.*did you mean "service\/db"\?/s,
  );
  const policy = POLICY.replace("source: {selector: run == 'backup'}", 'source: {services: {name: db}}');
  await weir.ok(t, ['apply', '-f', '-'], { stdin: policy });
  const { stdout } = await weir.run(['trace', '--from', 'run=web', '--to', 'db1', '--port', 'tcp/5433']);
  t.regex(
    stdout,
    /ingress\[1\] Allow TCP from service shop\/db .*: does not match\n +source\.services is \{"name":"db"\}, and 10\.77\.0\.1 is none of its backends/,
  );
});

test("the way where the routes are not Weir's: BGP, a lease of flannel, the link of a pool, the network of somebody else", async (t) => {
  const weir = await shop(t);
  const pool = (name: string, cidr: string, routes: string) => ({ kind: 'Pool', metadata: { name }, spec: { cidr, routes } });
  const block = (cidr: string, name: string, owner: string) => ({
    kind: 'Block',
    metadata: { name: cidr.replace('/', '-') },
    spec: { cidr, pool: name, host: owner, allocations: {} },
  });
  await weir.seed(
    { kind: 'Host', metadata: { name: 'h2' }, spec: { addresses: ['192.168.0.2'], flannel: { subnets: ['10.5.2.0/24'] } } },
    { kind: 'Host', metadata: { name: 'h4' }, spec: { addresses: ['192.168.0.4'], flannel: { subnets: ['10.5.4.0/24'] } } },
    pool('told', '10.66.0.0/16', 'Bgp'),
    block('10.66.0.0/26', 'told', 'h2'),
    pool('flannel', '10.5.0.0/16', 'Flannel'),
    block('10.5.2.0/26', 'flannel', 'h2'),
    pool('linked', '10.67.0.0/16', 'None'),
    endpoint('told', { run: 'told' }, { on: 'h2', address: '10.66.0.7' }),
    endpoint('leased', { run: 'leased' }, { on: 'h2', address: '10.5.2.7' }),
    // Of flannel's own plugin, by its host-local.
    endpoint('canal', { run: 'canal' }, { on: 'h1', address: '10.5.1.7' }),
    endpoint('linked', { run: 'linked' }, { on: 'h2', address: '10.67.0.7' }),
    endpoint('bridged', { run: 'bridged' }, { on: 'h2', address: '10.101.0.7' }),
    endpoint('joined', { run: 'joined' }, { on: 'h4', address: '10.5.4.7' }),
  );
  const way = async (from: string, to: string) =>
    /^Way: (.*)$/m.exec(await weir.ok(t, ['trace', '--from', `run=${from}`, '--to', `run=${to}`, '--port', 'tcp/80']))?.[1];
  t.is(await way('canal', 'told'), 'h1 to h2, by a route that BGP tells of');
  t.is(await way('canal', 'linked'), "h1 to h2, by the network that the address is of: its routes are not Weir's");
  t.is(await way('canal', 'bridged'), "h1 to h2, by the network that the address is of: its routes are not Weir's");
  t.is(await way('joined', 'leased'), 'h4 to h2, by flannel');
  t.is(await way('leased', 'canal'), 'h2 to h1, by flannel');
  t.is(await way('canal', 'leased'), 'h1 to h2, by a route via 192.168.0.2', 'a host that has nothing of flannel has a route');
  const sign = JSON.stringify({ version: '0.1.0', since: '', problems: [], flanneld: true });
  await weir.withStore((store) => store.transact({ when: [], then: [{ put: presenceKey('h1'), value: sign }] }));
  t.is(await way('canal', 'leased'), 'h1 to h2, by flannel', "where a flanneld runs, it is flannel's");
  const modeOf = async () => {
    const rows: { destination: string; mode: string }[] = JSON.parse(await weir.ok(t, ['node', 'routes', 'h1', '-o', 'json']));
    return rows.filter(({ destination }) => destination === '10.5.2.0/26').map(({ mode }) => mode);
  };
  t.deepEqual(await modeOf(), []);
});
