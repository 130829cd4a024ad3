/** What policies of Kubernetes come to for flows, point by point of the API's description. */
import { parseDocuments } from '@weir/resources';
import test from 'ava';
import { PolicyCalculator } from './calculator.ts';
import { endpoint, namespaceObject } from './test-support/objects.ts';

const PORTS = [
  { name: 'http', protocol: 'TCP', port: 8080 },
  { name: 'dns', protocol: 'UDP', port: 5353 },
];
const WORLD = [
  namespaceObject('shop', { team: 'a' }),
  namespaceObject('bank', { team: 'b' }),
  endpoint('web', { run: 'web' }, { addresses: ['10.0.0.1'], ports: PORTS }, 'shop'),
  endpoint('db', { run: 'db', tier: 'back' }, { addresses: ['10.0.0.2'] }, 'shop'),
  endpoint('teller', { run: 'web' }, { addresses: ['10.0.1.1'] }, 'bank'),
];
const ADDRESSES: Record<string, string> = {
  web: '10.0.0.1',
  db: '10.0.0.2',
  teller: '10.0.1.1',
  outside: '192.0.2.1',
  near: '192.0.2.200',
};

/** `db -> web TCP/80`. */
function allows(policies: object[], flow: string): boolean {
  const calculator = new PolicyCalculator({ host: 'here' });
  for (const object of WORLD) calculator.upsert(object);
  const text = policies.map((policy) => JSON.stringify(policy)).join('\n---\n');
  for (const { object } of parseDocuments(text)) calculator.upsert(object);
  const [, from, to, protocol, port] = /^(\w+) -> (\w+) (\w+)\/(\d+)$/.exec(flow)!;
  const packet = { source: ADDRESSES[from!]!, destination: ADDRESSES[to!]!, protocol: protocol as 'TCP', destinationPort: Number(port) };
  return calculator.decide(packet).verdict === 'Allow';
}

const networkPolicy = (spec: object, apiVersion = 'networking.k8s.io/v1') => ({
  apiVersion,
  kind: 'NetworkPolicy',
  metadata: { name: 'p', namespace: 'shop' },
  spec: { podSelector: { matchLabels: { run: 'web' } }, ...spec },
});
const ALL = ['db -> web TCP/80', 'teller -> web TCP/80', 'outside -> web TCP/80', 'web -> db TCP/80', 'web -> outside UDP/53'];
const TO_WEB = ALL.slice(0, 3);
const FROM_WEB = ALL.slice(3);

/** Of a list of flows, those that pass. */
const POINTS: [title: string, spec: object, of: string[], pass: string[]][] = [
  ['no rules, no types: closed to what comes in', {}, ALL, FROM_WEB],
  ['an empty list of rules allows nothing', { ingress: [] }, TO_WEB, []],
  ['one empty rule allows everything', { ingress: [{}] }, TO_WEB, TO_WEB],
  ['an empty list of peers is everybody', { ingress: [{ from: [] }] }, TO_WEB, TO_WEB],
  ['an empty list of ports is every port', { ingress: [{ from: [{ podSelector: {} }], ports: [] }] }, TO_WEB, TO_WEB.slice(0, 1)],
  ['egress rules alone close what comes in too', { egress: [{}] }, ALL, FROM_WEB],
  ['policyTypes may say Egress alone', { policyTypes: ['Egress'] }, ALL, TO_WEB],
  ['policyTypes may leave out a direction that has rules', { policyTypes: ['Ingress'], egress: [] }, ALL, FROM_WEB],
  ['both types without rules close both', { policyTypes: ['Ingress', 'Egress'] }, ALL, []],
  ['an empty list of types is as none', { policyTypes: [], egress: [{}] }, ALL, FROM_WEB],
  [
    'an empty podSelector is for all of its namespace, and no other',
    { podSelector: {} },
    [...TO_WEB, 'web -> db TCP/80', 'web -> teller TCP/80'],
    ['web -> teller TCP/80'],
  ],
  ['podSelector alone: of the own namespace', { ingress: [{ from: [{ podSelector: { matchLabels: { run: 'web' } } }] }] }, TO_WEB, []],
  ['an empty podSelector as peer: all of the own namespace', { ingress: [{ from: [{ podSelector: {} }] }] }, TO_WEB, ['db -> web TCP/80']],
  [
    'namespaceSelector alone: all of those namespaces',
    { ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'b' } } }] }] },
    TO_WEB,
    ['teller -> web TCP/80'],
  ],
  [
    'an empty namespaceSelector: all of all namespaces, and nobody outside',
    { ingress: [{ from: [{ namespaceSelector: {} }] }] },
    TO_WEB,
    TO_WEB.slice(0, 2),
  ],
  [
    'both in one peer: and',
    { ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'b' } }, podSelector: { matchLabels: { run: 'db' } } }] }] },
    TO_WEB,
    [],
  ],
  [
    'both in two peers: or',
    { ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'b' } } }, { podSelector: { matchLabels: { run: 'db' } } }] }] },
    TO_WEB,
    TO_WEB.slice(0, 2),
  ],
  [
    'matchExpressions In',
    { ingress: [{ from: [{ podSelector: { matchExpressions: [{ key: 'run', operator: 'In', values: ['x', 'db'] }] } }] }] },
    TO_WEB,
    ['db -> web TCP/80'],
  ],
  [
    'matchExpressions NotIn takes who has no such label',
    {
      ingress: [
        { from: [{ namespaceSelector: {}, podSelector: { matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['back'] }] } }] },
      ],
    },
    TO_WEB,
    ['teller -> web TCP/80'],
  ],
  [
    'matchExpressions Exists',
    { ingress: [{ from: [{ namespaceSelector: {}, podSelector: { matchExpressions: [{ key: 'tier', operator: 'Exists' }] } }] }] },
    TO_WEB,
    ['db -> web TCP/80'],
  ],
  [
    'matchExpressions DoesNotExist',
    { ingress: [{ from: [{ namespaceSelector: {}, podSelector: { matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] } }] }] },
    TO_WEB,
    ['teller -> web TCP/80'],
  ],
  [
    'matchLabels and matchExpressions: and',
    {
      ingress: [{ from: [{ podSelector: { matchLabels: { run: 'db' }, matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] } }] }],
    },
    TO_WEB,
    [],
  ],
  ['ipBlock takes addresses, inside and outside', { ingress: [{ from: [{ ipBlock: { cidr: '0.0.0.0/0' } }] }] }, TO_WEB, TO_WEB],
  [
    'ipBlock without a part',
    { ingress: [{ from: [{ ipBlock: { cidr: '192.0.2.0/24', except: ['192.0.2.128/25'] } }] }] },
    [...TO_WEB, 'near -> web TCP/80'],
    ['outside -> web TCP/80'],
  ],
  [
    'what one block excepts another may allow',
    { ingress: [{ from: [{ ipBlock: { cidr: '192.0.2.0/24', except: ['192.0.2.128/25'] } }, { ipBlock: { cidr: '192.0.2.200/32' } }] }] },
    ['near -> web TCP/80'],
    ['near -> web TCP/80'],
  ],
  [
    'a port without protocol is TCP',
    { ingress: [{ ports: [{ port: 80 }] }] },
    ['db -> web TCP/80', 'db -> web UDP/80', 'db -> web TCP/81'],
    ['db -> web TCP/80'],
  ],
  [
    'a protocol without port is each of its ports',
    { ingress: [{ ports: [{ protocol: 'UDP' }] }] },
    ['db -> web TCP/80', 'db -> web UDP/80', 'db -> web UDP/1'],
    ['db -> web UDP/80', 'db -> web UDP/1'],
  ],
  ['SCTP', { ingress: [{ ports: [{ protocol: 'SCTP', port: 7 }] }] }, ['db -> web SCTP/7', 'db -> web TCP/7'], ['db -> web SCTP/7']],
  [
    'endPort ends a range',
    { ingress: [{ ports: [{ port: 80, endPort: 90 }] }] },
    ['db -> web TCP/79', 'db -> web TCP/80', 'db -> web TCP/90', 'db -> web TCP/91'],
    ['db -> web TCP/80', 'db -> web TCP/90'],
  ],
  [
    'a named port is the one that the pod has, of that protocol',
    { ingress: [{ ports: [{ port: 'http' }, { port: 'dns' }] }] },
    ['db -> web TCP/8080', 'db -> web UDP/8080', 'db -> web TCP/5353', 'db -> web UDP/5353'],
    ['db -> web TCP/8080'],
  ],
  [
    'a named port of egress is that of the peer',
    { podSelector: { matchLabels: { run: 'db' } }, egress: [{ ports: [{ port: 'http' }] }] },
    ['db -> web TCP/8080', 'db -> web TCP/80', 'db -> teller TCP/8080'],
    ['db -> web TCP/8080'],
  ],
  [
    'peers and ports of one rule: and; of two rules: or',
    {
      ingress: [{ from: [{ podSelector: {} }], ports: [{ port: 80 }] }, { from: [{ namespaceSelector: { matchLabels: { team: 'b' } } }] }],
    },
    ['db -> web TCP/80', 'db -> web TCP/81', 'teller -> web TCP/81'],
    ['db -> web TCP/80', 'teller -> web TCP/81'],
  ],
];

for (const [title, spec, flows, pass] of POINTS) {
  test(`NetworkPolicy: ${title}`, (t) => {
    for (const version of ['networking.k8s.io/v1', 'extensions/v1beta1']) {
      t.deepEqual(
        flows.filter((flow) => allows([networkPolicy(spec, version)], flow)),
        pass,
      );
    }
  });
}

test('NetworkPolicy: two policies for one pod allow what either does', (t) => {
  const other = {
    ...networkPolicy({ ingress: [{ from: [{ ipBlock: { cidr: '192.0.2.0/24' } }] }] }),
    metadata: { name: 'q', namespace: 'shop' },
  };
  const policies = [networkPolicy({ ingress: [{ from: [{ podSelector: {} }] }] }), other];
  t.deepEqual(
    TO_WEB.filter((flow) => allows(policies, flow)),
    ['db -> web TCP/80', 'outside -> web TCP/80'],
  );
});

const admin = (ingress: object[], priority = 10, name = 'a') => ({
  apiVersion: 'policy.networking.k8s.io/v1alpha2',
  kind: 'ClusterNetworkPolicy',
  metadata: { name },
  spec: { tier: 'Admin', priority, subject: { namespaces: { matchLabels: { team: 'a' } } }, ingress },
});
const baseline = (ingress: object[]) => ({
  apiVersion: 'policy.networking.k8s.io/v1alpha1',
  kind: 'BaselineAdminNetworkPolicy',
  metadata: { name: 'default' },
  spec: { subject: { namespaces: {} }, ingress },
});
const from = [{ namespaces: {} }];

test('cluster policies: the administrators come first, the baseline last', (t) => {
  const passing = (...policies: object[]) => TO_WEB.filter((flow) => allows(policies, flow));
  const closed = networkPolicy({});
  t.deepEqual(passing(admin([{ action: 'Accept', from }]), closed), TO_WEB.slice(0, 2), 'over what NetworkPolicies say');
  t.deepEqual(passing(admin([{ action: 'Deny', from }]), networkPolicy({ ingress: [{}] })), ['outside -> web TCP/80']);
  t.deepEqual(passing(admin([{ action: 'Deny', from }])), ['outside -> web TCP/80'], 'what no rule takes is open');
  t.deepEqual(
    passing(
      admin([
        { action: 'Pass', from },
        { action: 'Deny', from },
      ]),
      closed,
    ),
    [],
    'Pass goes on with NetworkPolicies',
  );
  t.deepEqual(
    passing(
      admin([
        { action: 'Pass', from },
        { action: 'Deny', from },
      ]),
    ),
    TO_WEB,
  );
  t.deepEqual(
    passing(admin([{ action: 'Accept', from }], 20, 'b'), admin([{ action: 'Deny', from }])),
    ['outside -> web TCP/80'],
    'priority',
  );
  t.deepEqual(passing(baseline([{ action: 'Deny', from }])), ['outside -> web TCP/80']);
  t.deepEqual(passing(baseline([{ action: 'Deny', from }]), networkPolicy({ ingress: [{}] })), TO_WEB, 'a NetworkPolicy decides before it');
  t.deepEqual(passing(baseline([{ action: 'Allow', from }]), closed), [], 'and leaves nothing to it');
  t.deepEqual(passing(admin([{ action: 'Pass', from }]), baseline([{ action: 'Deny', from }])), ['outside -> web TCP/80']);
});
