/** Single flows, whole tables and hosts on the way: all say the same. */
import { type AnyObject, keyOf, parseObject } from '@weir/resources';
import test from 'ava';
import { endpoint, host } from '../testing/weir.ts';
import { findEnds } from './flow-end.ts';
import { FlowJudge } from './flow-judge.ts';
import type { PolicyState } from './policy-state.ts';
import { changedRows, reachRows } from './reach-table.ts';

const object = (value: object) => parseObject({ apiVersion: 'weir/v1', ...value });

function stateOf(...values: object[]): PolicyState {
  const objects = values.map(object) as AnyObject[];
  return { objects: new Map(objects.map((one) => [keyOf(one), one])), invalid: [] };
}

const CLUSTER = [
  host('h1', '192.168.0.1'),
  host('h2', '192.168.0.2'),
  host('h3', '192.168.0.3'),
  endpoint('web1', { run: 'web' }, { on: 'h1', address: '10.77.0.1' }),
  endpoint('web2', { run: 'web' }, { on: 'h2', address: '10.77.0.65' }),
  endpoint('db1', { run: 'db' }, { on: 'h2', address: '10.77.0.66' }),
  endpoint('db2', { run: 'db' }, { on: 'h3', address: '10.77.0.129' }),
  { kind: 'Pool', metadata: { name: 'main' }, spec: { cidr: '10.77.0.0/16', natOutgoing: true } },
];
const hostEndpoint = (name: string, defaultAction: string) => ({
  kind: 'HostEndpoint',
  metadata: { name, labels: { role: 'agent', host: name } },
  spec: { host: name, interfaceName: 'eth0', expectedIPs: [name.replace('h', '192.168.0.')], defaultAction },
});
const HOSTS = [hostEndpoint('h1', 'Allow'), hostEndpoint('h2', 'Deny')];
const globalPolicy = (name: string, spec: object) => ({ kind: 'GlobalPolicy', metadata: { name }, spec });
const POLICIES = [
  globalPolicy('agents', {
    selector: "host == 'h2'",
    ingress: [{ action: 'Allow', protocol: 'TCP', source: { selector: "role == 'agent'" }, destination: { ports: [9100] } }],
  }),
  globalPolicy('through', {
    selector: "role == 'agent'",
    applyOnForward: true,
    types: ['Ingress'],
    ingress: [
      { action: 'Allow', protocol: 'TCP', source: { selector: "role == 'agent'" }, destination: { ports: [9100] } },
      { action: 'Allow', protocol: 'TCP', source: { selector: "run == 'web'" }, destination: { ports: [5432] } },
    ],
  }),
];

const FLOWS = [
  { protocol: 'TCP', sourcePort: 40_000, destinationPort: 22 },
  { protocol: 'TCP', sourcePort: 40_000, destinationPort: 9100 },
  { protocol: 'TCP', sourcePort: 40_000, destinationPort: 5432 },
  { protocol: 'UDP', sourcePort: 40_000, destinationPort: 53 },
  { protocol: 'ICMP', icmpType: 8, icmpCode: 0 },
] as const;

test('what a table says of two groups is what is said of each flow between them', (t) => {
  const state = stateOf(...CLUSTER, ...HOSTS, ...POLICIES);
  const judge = new FlowJudge(state);
  const rows = reachRows([judge], state);
  const texts = new Set(rows.map(({ traffic }) => traffic[0]!));
  t.true(texts.size > 3, [...texts].join('; '));
  let compared = 0;
  const groups = {
    'shop/run=web': ['web1', 'web2'],
    'shop/run=db': ['db1', 'db2'],
    'hosts/host=h2,role=agent': ['h2'],
    outside: ['outside'],
  };
  for (const [from, sources] of Object.entries(groups)) {
    for (const [to, destinations] of Object.entries(groups)) {
      const own = rows.filter((row) => row.from === from && row.to === to);
      for (const flow of FLOWS) {
        const verdicts = sources.flatMap((source) =>
          destinations.flatMap((destination) => {
            const [one] = findEnds(source, state);
            const [other] = findEnds(destination, state);
            if (source === destination || [one!.host, other!.host].some((name) => name !== undefined && name === hostOf(one!, other!)))
              return [];
            return [judge.allows({ source: one!.address, destination: other!.address, ...flow }, { from: one!, to: other! })];
          }),
        );
        if (verdicts.length === 0) continue;
        const port = 'destinationPort' in flow ? flow.destinationPort : undefined;
        const isIn = (text: string) =>
          text === 'everything' || (port !== undefined && new RegExp(`${flow.protocol}[^;]*\\b${port}\\b`).test(text));
        t.deepEqual(
          [...new Set(verdicts)].sort(),
          [...new Set(own.map(({ traffic }) => isIn(traffic[0]!)))].sort(),
          `${from} to ${to} ${JSON.stringify(flow)}: ${JSON.stringify(own)}`,
        );
        compared += 1;
      }
    }
  }
  t.true(compared > 40);
});

/** The host that one end is and the other runs on. */
function hostOf(one: { host?: string; endpoint?: { spec: { host: string } } }, other: typeof one): string | undefined {
  return one.endpoint?.spec.host ?? other.endpoint?.spec.host;
}

test('within a host nothing is asked on the way, between hosts it is', (t) => {
  const state = stateOf(...CLUSTER, ...HOSTS, ...POLICIES);
  const rows = reachRows([new FlowJudge(state)], state).filter(({ from, to }) => from === 'shop/run=web' && to === 'shop/run=db');
  t.deepEqual(rows.map(({ traffic, pairs }) => [traffic[0], pairs]).sort(), [
    // web1 to db1, from host to host.
    ['TCP 5432', 1],
    // web2 to db1, inside h2; both to db2, whose host has no policy of its own.
    ['everything', 3],
  ]);
});

test('a host endpoint that is to come closes its host, but for failsafe ports', (t) => {
  const state = stateOf(...CLUSTER);
  const after = stateOf(...CLUSTER, hostEndpoint('h2', 'Deny'));
  const rows = changedRows(new FlowJudge(state), new FlowJudge(after), state);
  const [row] = rows.filter(({ from, to }) => from === 'outside' && to.startsWith('hosts/'));
  t.is(row?.traffic[0], 'everything');
  t.regex(row?.traffic[1] ?? '', /^TCP 22,179,2181,.*; UDP .*4789/);
});
