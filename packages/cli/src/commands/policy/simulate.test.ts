import type { FlowAnswer, FlowRecord } from '@weir/resources';
import test from 'ava';
import { withAgents } from '../../testing/answering-agents.ts';
import { DB, shop } from '../../testing/shop.ts';
import { host, lines, type Weir } from '../../testing/weir.ts';

test('what a policy would change, before it is applied; and what its end would', async (t) => {
  const weir = await shop(t);
  const expected = (before: string, after: string) => {
    const rows = [
      ['outside', 'shop/run=db'],
      ['shop/run=web', 'shop/run=db'],
    ] as const;
    return rows.map(([from, to]) => ({ from, to, before, after: from === 'outside' && after !== 'everything' ? 'nothing' : after }));
  };
  const simulate = async (...flags: string[]) =>
    JSON.parse(await weir.ok(t, ['policy', 'simulate', '--by', 'run', '-o', 'json', '-f', '-', ...flags], { stdin: DB })).pairs.map(
      ({ from, to, before, after }: Record<string, string>) => ({ from, to, before, after }),
    );
  t.deepEqual(await simulate(), expected('everything', 'TCP 5432'));
  t.is(await weir.ok(t, ['get', 'policies', '-A', '-o', 'name']), '', 'nothing was written');
  await weir.ok(t, ['apply', '-f', '-'], { stdin: DB });
  t.deepEqual(await simulate(), []);
  t.deepEqual(await simulate('--delete'), [
    { from: 'outside', to: 'shop/run=db', before: 'nothing', after: 'everything' },
    { from: 'shop/run=web', to: 'shop/run=db', before: 'TCP 5432', after: 'everything' },
  ]);
  t.regex(await weir.ok(t, ['policy', 'simulate', '--delete', '-f', '-'], { stdin: DB }), /^FROM +TO +BEFORE +AFTER$/m);
  const status = async (...flags: string[]) =>
    (await weir.run(['policy', 'simulate', '--exit-code', '-f', '-', ...flags], { stdin: DB })).status;
  t.deepEqual([await status(), await status('--delete'), await status('--delete', '-o', 'json')], [0, 4, 4]);
});

test('a simulation refuses what apply and delete refuse', async (t) => {
  const weir = await shop(t);
  const simulate = (stdin: string, ...flags: string[]) => weir.fails(t, 1, ['policy', 'simulate', '-f', '-', ...flags], { stdin });
  t.regex(await simulate(DB, '--delete'), /^error: policy\/db was not found in namespace shop$/m);
  t.regex(await simulate(DB.replace('spec:', 'spec:\n  tier: gone')), /there is no tier "gone"/);
  t.regex(await simulate(DB.replace('selector', 'selecter')), /did you mean "selector"\?/);
  const object = (kind: string, spec: object, name = 'default') =>
    JSON.stringify({ apiVersion: 'weir/v1', kind, metadata: { name }, spec });
  t.regex(await simulate(object('Tier', { order: 1 })), /"default" is a built-in tier/);
  t.regex(await simulate(object('Host', { addresses: ['192.0.2.1'] }, 'h9')), /cannot make host\/h9/);
  const held = { containerId: 'db1', interfaceName: 'eth0', network: 'weir', host: 'h2' };
  await weir.seed(
    { kind: 'Pool', metadata: { name: 'main' }, spec: { cidr: '10.77.0.0/16' } },
    {
      kind: 'Block',
      metadata: { name: '10.77.0.64-26' },
      spec: { cidr: '10.77.0.64/26', pool: 'main', host: 'h2', allocations: { '10.77.0.67': held } },
    },
  );
  const pool = (cidr: string, name = 'main') => object('Pool', { cidr }, name);
  t.regex(await simulate(pool('10.77.0.0/16'), '--delete'), /pool "main" .*1 of its addresses is in use/);
  t.regex(await simulate(pool('10.77.0.0/17', 'second')), /overlap/);
});

const NOW = Date.now();
const ago = (minutes: number) => new Date(NOW - minutes * 60_000).toISOString();

function flow(source: FlowRecord['source'], changes: Partial<FlowRecord> = {}): FlowRecord {
  return {
    host: 'h2',
    start: ago(11),
    end: ago(10),
    verdict: 'Allow',
    source,
    destination: DB1,
    protocol: 'TCP',
    destinationPort: 5432,
    because: { default: 'default action' },
    packets: 3,
    bytes: 180,
    ...changes,
  };
}

const shopEnd = (name: string, address: string): FlowRecord['source'] => ({
  address,
  endpoint: { namespace: 'shop', name: `${name}-eth0`, labels: {} },
});
const WEB1 = shopEnd('web1', '10.77.0.1');
const DB1 = shopEnd('db1', '10.77.0.67');

const answer = (records: FlowRecord[], minutes: number): FlowAnswer[] => [{ records, complete: true, dropped: 0, reachesTo: ago(minutes) }];

test('which of the recorded flows would meet another verdict, by which rule, and how far each host remembers', async (t) => {
  const weir = await shop(t);
  await weir.seed(host('h3', '192.168.0.3'));
  const outside = { address: '192.0.2.7' };
  const seenByBoth = flow(WEB1, { host: 'h1', destinationPort: 22, packets: 1 });
  const answers = {
    h1: answer([flow(WEB1, { host: 'h1' }), seenByBoth], 60),
    h2: answer(
      [
        flow(WEB1),
        { ...seenByBoth, host: 'h2', end: ago(2) },
        flow(outside),
        flow(outside, { verdict: 'Log' }),
        // Of a container that had the address before, and of one that is gone: whatever is said of them would be of others.
        flow(shopEnd('web0', '10.77.0.1'), { destinationPort: 23 }),
        flow(shopEnd('gone', '10.77.0.9'), { destinationPort: 23 }),
      ],
      7,
    ),
  };
  let ran: Awaited<ReturnType<Weir['run']>>;
  const { question, leftovers } = await withAgents(weir, answers, async () => {
    ran = await weir.run(['policy', 'simulate', '--by', 'run', '-f', '-'], { stdin: DB, env: { COLUMNS: '400' } });
  });
  t.is(ran!.status, 0, ran!.stderr);
  t.deepEqual(ran!.stdout.split('\n\n')[1]!.replaceAll(/ {2,}/g, '  ').split('\n'), [
    'LAST  FROM  TO  PORT  PACKETS  BEFORE  AFTER  BECAUSE',
    `${ago(10).slice(0, 19)}Z  192.0.2.7  shop/db1-eth0 (10.77.0.67)  TCP/5432  3  Allow  Deny  no rule matched (tier default, ingress)`,
    `${ago(2).slice(0, 19)}Z  shop/web1-eth0 (10.77.0.1)  shop/db1-eth0 (10.77.0.67)  TCP/22  2  Allow  Deny  no rule matched (tier default, ingress)`,
    '',
  ]);
  t.is(
    ran!.stderr,
    lines(
      'flows: of 3 in the last hour on 2 hosts, 2 would meet another verdict',
      `flows: host h2 remembers them since ${ago(7).slice(0, 19)}Z only`,
      'flows: 2 more are of endpoints that are gone',
      'warning: no agent runs on h3: what these saw was not looked at',
    ),
  );
  t.like(question, { denied: false, follow: false });
  t.true(Math.abs(Date.parse(question.since) - (NOW - 3_600_000)) < 30_000);
  t.deepEqual(leftovers, []);
});

test('recorded flows as JSON; without agents; and not asked for', async (t) => {
  const weir = await shop(t);
  const simulate = ['policy', 'simulate', '--by', 'run', '-f', '-'];
  let json = '';
  await withAgents(weir, { h2: answer([flow(WEB1, { destinationPort: 22 }), flow(WEB1)], 60) }, async () => {
    json = await weir.ok(t, [...simulate, '-o', 'json'], { stdin: DB });
  });
  const { flows } = JSON.parse(json);
  t.like(flows, { judged: 2, gone: 0, hosts: 1, dropped: 0, silent: [], down: [], shorter: {} });
  t.is(flows.changed.length, 1);
  t.like(flows.changed[0], { destinationPort: 22, before: { verdict: 'Allow' }, after: { verdict: 'Deny', because: { tier: 'default' } } });

  const alone = await shop(t);
  t.regex((await alone.run(simulate, { stdin: DB })).stderr, /no agent runs: there are no recorded flows/);
  t.is(JSON.parse(await alone.ok(t, [...simulate, '--no-flows', '-o', 'json'], { stdin: DB })).flows, undefined);
});
