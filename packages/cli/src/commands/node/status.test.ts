import test from 'ava';
import { endpoint, host, lines, Weir } from '../../testing/weir.ts';

test('hosts with their agents, blocks, endpoints and what Mesos may always do', async (t) => {
  const weir = await Weir.in(t);
  t.regex(await weir.ok(t, ['node', 'status']), /^No host is known yet/);
  const narrowed = { addresses: ['172.16.0.2', 'fd00::2'], mesosTraffic: { agentPorts: [], healthChecks: 'Policy' } };
  await weir.seed(
    host('h1', '172.16.0.1'),
    { kind: 'Host', metadata: { name: 'h2' }, spec: narrowed },
    endpoint('c1', {}, { on: 'h1', address: '10.77.0.1' }),
    { kind: 'Block', metadata: { name: '10.77.0.0-26' }, spec: { cidr: '10.77.0.0/26', pool: 'main', host: 'h1' } },
  );
  const agent = { version: '0.1.0', since: '2026-01-01T00:00:00.000Z' };
  await weir.withStore((store) => store.transact({ when: [], then: [{ put: '/weir/presence/h1', value: JSON.stringify(agent) }] }));
  t.is(
    await weir.ok(t, ['node', 'status']),
    lines(
      'HOST   ADDRESS              AGENT   ENDPOINTS   BLOCKS         MESOS-TRAFFIC',
      'h1     172.16.0.1           up              1   10.77.0.0/26   :5051 + checks',
      'h2     172.16.0.2,fd00::2   down            0   <none>         none',
    ),
  );
  const degraded = { ...agent, problems: ['route to 10.77.0.64/26: host "h2" gives no sign of life'] };
  await weir.withStore((store) => store.transact({ when: [], then: [{ put: '/weir/presence/h1', value: JSON.stringify(degraded) }] }));
  t.is(
    await weir.ok(t, ['node', 'status', 'h1']),
    lines(
      'HOST   ADDRESS      AGENT      ENDPOINTS   BLOCKS         MESOS-TRAFFIC',
      'h1     172.16.0.1   degraded           1   10.77.0.0/26   :5051 + checks',
      '',
      'h1: route to 10.77.0.64/26: host "h2" gives no sign of life',
    ),
  );
  const [h2] = JSON.parse(await weir.ok(t, ['node', 'status', 'h2', '-o', 'json']));
  t.deepEqual(h2, {
    host: 'h2',
    addresses: ['172.16.0.2', 'fd00::2'],
    agent: null,
    blocks: [],
    endpoints: 0,
    mesosTraffic: narrowed.mesosTraffic,
  });
  t.is(await weir.fails(t, 1, ['node', 'status', 'h9']), 'error: host/h9 was not found\n');
});

test('another MTU than that of the other hosts on the link is told of', async (t) => {
  const weir = await Weir.in(t);
  for (const [index, mtu] of [1500, 1500, 1400].entries()) {
    const name = `h${index + 1}`;
    const spec = { addresses: [`172.16.0.${index + 1}`], subnets: ['172.16.0.0/24'] };
    await weir.seed({ kind: 'Host', metadata: { name }, spec });
    const agent = JSON.stringify({ version: '0.1.0', since: '', problems: [], mtu });
    await weir.withStore((store) => store.transact({ when: [], then: [{ put: `/weir/presence/${name}`, value: agent }] }));
  }
  const problem =
    'the MTU of its interface is 1400, that of others in 172.16.0.0/24 is 1500, and packets to it of more than 1400 bytes are lost';
  const text = await weir.ok(t, ['node', 'status']);
  t.regex(text, /^h1 +172\.16\.0\.1 +up .*\nh2 +172\.16\.0\.2 +up .*\nh3 +172\.16\.0\.3 +degraded /m);
  t.true(text.endsWith(`\nh3: ${problem}: give all the same\n`));
  t.true((await weir.ok(t, ['describe', 'host', 'h3'])).includes(problem));
  t.true((await weir.ok(t, ['topology'])).includes(problem));
});

test('BGP sessions below the hosts, and why one is down', async (t) => {
  const weir = await Weir.in(t);
  await weir.seed(host('h1', '172.16.0.1'));
  const routes = { in: 3, out: 2 };
  const since = '2026-03-01T12:00:07.000Z';
  const bgp = [
    { peer: 'tor-1', address: '192.0.2.1', asNumber: 65001, state: 'Established', since, routes },
    { peer: 'tor-2', address: '192.0.2.2', asNumber: 65002, state: 'Idle', since, routes: { in: 0, out: 0 }, problem: 'of another AS' },
  ];
  const agent = { version: '0.1.0', since, problems: [], bgp };
  await weir.withStore((store) => store.transact({ when: [], then: [{ put: '/weir/presence/h1', value: JSON.stringify(agent) }] }));
  t.is(
    await weir.ok(t, ['node', 'status'], { env: { COLUMNS: '120' } }),
    lines(
      'HOST   ADDRESS      AGENT   ENDPOINTS   BLOCKS   MESOS-TRAFFIC',
      'h1     172.16.0.1   up              0   <none>   :5051 + checks',
      '',
      'HOST   BGP PEER   ADDRESS        AS   STATE         SINCE                  IN   OUT   WHY',
      'h1     tor-1      192.0.2.1   65001   Established   2026-03-01T12:00:07Z    3     2',
      'h1     tor-2      192.0.2.2   65002   Idle          2026-03-01T12:00:07Z    0     0   of another AS',
    ),
  );
});
