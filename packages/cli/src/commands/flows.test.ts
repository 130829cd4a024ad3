import type { FlowRecord } from '@weir/resources';
import test from 'ava';
import { withAgents } from '../testing/answering-agents.ts';
import { host, lines, Weir } from '../testing/weir.ts';

const record = (changes: Partial<FlowRecord> = {}): FlowRecord => ({
  host: 'h1',
  start: '2026-03-01T12:00:00.000Z',
  end: '2026-03-01T12:00:07.500Z',
  verdict: 'Deny',
  source: { address: '10.77.0.1', endpoint: { namespace: 'shop', name: 'client', labels: {} } },
  destination: { address: '192.0.2.7', networkSets: ['partners', 'shop/mail'] },
  protocol: 'TCP',
  destinationPort: 25,
  because: { direction: 'Egress', tier: 'default', policy: { kind: 'Policy', namespace: 'shop', name: 'out' }, ruleIndex: 2 },
  packets: 3,
  bytes: 180,
  ...changes,
});

const OF_AN_APP = { address: '10.77.0.2', endpoint: { namespace: 'shop', name: '8c0d4c11-eth0', labels: { 'weir/app': '/shop/web' } } };

test('flows of all hosts, by age, with who and why', async (t) => {
  const weir = await Weir.in(t);
  const allowed = record({
    host: 'h2',
    end: '2026-03-01T12:00:01.000Z',
    verdict: 'Allow',
    source: { address: '172.16.0.1', host: 'h1' },
    destination: record().source,
    protocol: 'ICMP',
    icmpType: 8,
    icmpCode: 0,
    replyPackets: 2,
    replyBytes: 96_000,
    connections: 1,
    because: { direction: 'Ingress', default: 'default action' },
    staged: { verdict: 'Deny', because: { direction: 'Ingress', tier: 'default', default: 'no rule matched' } },
  });
  delete allowed.destinationPort;
  const answers = {
    h1: [
      { records: [record()], complete: false, dropped: 0, reachesTo: '2026-03-01T11:00:00.000Z' },
      {
        records: [record({ protocol: 47, source: OF_AN_APP })].map(({ destinationPort: _, ...rest }) => rest),
        complete: true,
        dropped: 0,
        reachesTo: '2026-03-01T11:00:00.000Z',
      },
    ],
    h2: [{ records: [allowed], complete: true, dropped: 0, reachesTo: '2026-03-01T11:00:00.000Z' }],
  };
  let output = '';
  const request = await withAgents(weir, answers, async () => {
    output = await weir.ok(t, ['flows', '--from', 'app=client', '--denied'], { env: { COLUMNS: '400' } });
  });
  t.is(
    output,
    lines(
      'LAST                   HOST   VERDICT   FROM                      TO                                PORT       PACKETS       BYTES   BECAUSE',
      '2026-03-01T12:00:01Z   h2     Allow     host h1                   shop/client (10.77.0.1)           ICMP/8.0       3/2   180/96000   default action (ingress); staged: Deny, no rule matched (tier default, ingress)',
      '2026-03-01T12:00:07Z   h1     Deny      shop/client (10.77.0.1)   192.0.2.7 (partners, shop/mail)   TCP/25           3         180   egress[2] of policy shop/out (tier default)',
      '2026-03-01T12:00:07Z   h1     Deny      /shop/web (10.77.0.2)     192.0.2.7 (partners, shop/mail)   47               3         180   egress[2] of policy shop/out (tier default)',
    ),
  );
  t.like(request.question, { denied: true, from: 'app == "client"', follow: false, limit: 1000 });
  t.deepEqual(request.leftovers, [], 'question and answers are gone');
});

test('an agent that does not answer is named, what others say is shown', async (t) => {
  t.timeout(20_000);
  const weir = await Weir.in(t);
  await withAgents(
    weir,
    { h1: [{ records: [record()], complete: true, dropped: 7, reachesTo: '2026-03-01T11:00:00.000Z' }], h2: undefined },
    async () => {
      const { status, stdout, stderr } = await weir.run(['flows', '-o', 'json']);
      t.is(status, 1);
      t.deepEqual(JSON.parse(stdout), [record()]);
      t.regex(stderr, /^warning: 7 older records are not shown.*\nerror: no answer from the agents of h2: .*\n {2}weir node status/);
    },
  );
});

test('ends without an app go by their labels; a host without agent is told of', async (t) => {
  const weir = await Weir.in(t);
  await weir.seed(host('h1', '172.16.0.1'), host('h9', '172.16.0.9'));
  const source = { address: '10.77.0.3', endpoint: { namespace: 'shop', name: '9d1e-eth0', labels: { run: 'db', 'weir/role': '*' } } };
  let run = { status: 0, stdout: '', stderr: '' } as Awaited<ReturnType<Weir['run']>>;
  const answer = { records: [record({ source })], complete: true, dropped: 0, reachesTo: '2026-03-01T11:00:00.000Z' };
  const request = await withAgents(weir, { h1: [answer] }, async () => {
    run = await weir.run(['flows', '--from', 'shop/run=db'], { env: { COLUMNS: '400' } });
  });
  t.regex(run.stdout, / shop\/run=db \(10\.77\.0\.3\) /);
  t.is(run.stderr, 'warning: no agent runs on h9: what these saw is not shown\n');
  t.is(run.status, 0);
  t.like(request.question, { from: 'shop/run == "db"' });
});

test('no agents, no flows; questions that mean nothing are wrong usage', async (t) => {
  const weir = await Weir.in(t);
  t.is(await weir.ok(t, ['flows']), 'No flow was recorded.\n');
  t.is(await weir.ok(t, ['flows', '-o', 'json']), '[]\n');
  for (const since of ['yesterday', '10', '-3'])
    t.true((await weir.fails(t, 2, ['flows', `--since=${since}`])).includes(`--since "${since}" is no time: write 30s, 10m, 1h`));
  t.regex(await weir.fails(t, 2, ['flows', '--to', '10.0.0.300']), /^error: --to: /);
  t.regex(await weir.fails(t, 2, ['flows', '--from', 'app in']), /not a valid selector/);
  await weir.fails(t, 2, ['flows', '--limit', '0']);
});
