import { type AnyObject, keyOf, parseObject, serialize } from '@weir/resources';
import test from 'ava';
import { endpoint, host } from '../testing/weir.ts';
import { FlowJudge } from './flow-judge.ts';
import type { PolicyState } from './policy-state.ts';
import { changedRows } from './reach-table.ts';
import { changedState } from './simulate.ts';

const object = (kind: string, metadata: object, spec: object) => ({ kind, metadata, spec });
const shop = (name: string, labels: object = {}) => ({ name, namespace: 'shop', labels });
const parsed = (value: object) => parseObject({ apiVersion: 'weir/v1', ...value }) as AnyObject;

const CLUSTER = [
  host('h1', '192.168.0.1'),
  host('h2', '192.168.0.2'),
  object('Pool', { name: 'main' }, { cidr: '10.77.0.0/16' }),
  endpoint('web', { run: 'web' }, { on: 'h1', address: '10.77.0.1' }),
  endpoint('db', { run: 'db' }, { on: 'h2', address: '10.77.0.65' }),
];

function stateOf(values: object[]): PolicyState {
  return { objects: new Map(values.map(parsed).map((one) => [keyOf(one), one])), invalid: [] };
}

function changes(state: PolicyState, values: object[], verb: 'apply' | 'delete'): string[] {
  const entry = (one: AnyObject) => ({ key: keyOf(one), value: serialize(one), revision: 2, created: 2 });
  const written = values.map(parsed).map((one) => [keyOf(one), verb === 'apply' ? entry(one) : undefined] as const);
  const after = changedState(
    state,
    new Map([...written, ['/weir/guard/pools', { key: '/weir/guard/pools', value: '{}', revision: 2, created: 2 }]]),
  );
  return changedRows(new FlowJudge(state), new FlowJudge(after), state).map(
    ({ from, to, traffic: [before, then] }) => `${from} to ${to}: ${before}, then ${then}`,
  );
}

const DB = { selector: "run == 'db'" };
const fromSet = (set: object, namespaceSelector?: string) => [
  object('Policy', shop('db'), {
    ...DB,
    ingress: [{ action: 'Allow', source: { selector: 'has(set)', ...(namespaceSelector && { namespaceSelector }) } }],
  }),
  set,
];
const WEB = { nets: ['10.77.0.1/32'] };
const CLOSED_TO_ALL = ['outside to shop/run=db: everything, then nothing', 'shop/run=web to shop/run=db: everything, then nothing'];
const OPEN_TO_WEB = ['shop/run=web to shop/run=db: nothing, then everything'];
const HOST2 = object(
  'HostEndpoint',
  { name: 'h2', labels: { role: 'agent' } },
  { host: 'h2', interfaceName: 'eth0', expectedIPs: ['192.168.0.2'] },
);

/** Of each kind, what is there beside the cluster, what comes, and what it changes; when it goes again, it changes as much back. */
const CASES: [kind: string, present: object[], coming: object[], changed: string[]][] = [
  ['Policy', [], [object('Policy', shop('db'), { ...DB, ingress: [] })], CLOSED_TO_ALL],
  ['GlobalPolicy', [], [object('GlobalPolicy', { name: 'db' }, { ...DB, ingress: [{ action: 'Deny' }] })], CLOSED_TO_ALL],
  [
    'Tier',
    [object('Policy', shop('db'), { ...DB, ingress: [] })],
    [
      object('Tier', { name: 'first' }, { order: 1 }),
      object(
        'GlobalPolicy',
        { name: 'web' },
        { ...DB, tier: 'first', ingress: [{ action: 'Allow', source: { selector: "run == 'web'" } }] },
      ),
    ],
    OPEN_TO_WEB,
  ],
  [
    'Namespace',
    [],
    [object('Namespace', { name: 'shop' }, { defaultIngress: 'SameNamespace' })],
    ['outside to shop/run=db: everything, then nothing', 'outside to shop/run=web: everything, then nothing'],
  ],
  ['NetworkSet', fromSet({}).slice(0, 1), [object('NetworkSet', shop('web', { set: 'yes' }), WEB)], OPEN_TO_WEB],
  [
    'GlobalNetworkSet',
    fromSet({}, 'global()').slice(0, 1),
    [object('GlobalNetworkSet', { name: 'web', labels: { set: 'yes' } }, WEB)],
    OPEN_TO_WEB,
  ],
  [
    'Service',
    [
      object('Policy', shop('web'), {
        selector: "run == 'web'",
        types: ['Egress'],
        egress: [{ action: 'Allow', destination: { services: { name: 'db' } } }],
      }),
    ],
    [object('Service', shop('db'), { selector: "run == 'db'", ports: [{ port: 5432 }] })],
    ['shop/run=web to shop/run=db: nothing, then TCP 5432'],
  ],
  [
    'HostEndpoint',
    [object('GlobalPolicy', { name: 'agents' }, { selector: "role == 'agent'", applyOnForward: true, ingress: [] })],
    [HOST2],
    [
      'outside to hosts/role=agent: everything, then TCP 22,179,2181,2379-2380,5050-5051,9480; UDP 68,546,3784,4784,4789',
      'outside to shop/run=db: everything, then nothing',
      'shop/run=web to hosts/role=agent: everything, then TCP 22,179,2181,2379-2380,5050-5051,9480; UDP 68,546,3784,4784,4789',
      'shop/run=web to shop/run=db: everything, then nothing',
    ],
  ],
];

for (const [kind, present, coming, changed] of CASES) {
  test(`a ${kind} that comes, and one that goes`, (t) => {
    const state = stateOf([...CLUSTER, ...present]);
    t.deepEqual(
      changes(state, coming, 'apply').filter((row) => !row.startsWith('hosts/')),
      changed,
    );
    const back = changed.map((row) => row.replace(/: (.*), then (.*)$/, ': $2, then $1'));
    const after = stateOf([...CLUSTER, ...present, ...coming]);
    t.deepEqual(
      changes(after, coming, 'delete').filter((row) => !row.startsWith('hosts/')),
      back,
    );
  });
}

test('a Pool and a Host that change', (t) => {
  const state = stateOf([...CLUSTER, HOST2]);
  t.deepEqual(changes(state, [object('Pool', { name: 'main' }, { cidr: '10.77.0.0/16', visibility: 'Private' })], 'apply'), [
    'outside to shop/run=db: everything, then nothing',
    'outside to shop/run=web: everything, then nothing',
  ]);
  const [row] = changes(
    state,
    [object('Host', { name: 'h2' }, { addresses: ['192.168.0.2'], failsafePorts: { inbound: ['tcp/2222'], outbound: [] } })],
    'apply',
  ).filter((one) => one.startsWith('outside'));
  t.regex(row!, /^outside to hosts\/role=agent: TCP 22,.*, then TCP 2222; UDP 4789$/);
});
