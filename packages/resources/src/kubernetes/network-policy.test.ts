import test from 'ava';
import fc from 'fast-check';
import { cidrContains } from '../address/address.ts';
import { namespaceLabels } from '../kinds/namespace.ts';
import type { Labels } from '../metadata.ts';
import { type Policy, parseObject } from '../object.ts';
import type { Peer } from '../rule/peer.ts';
import { portRange } from '../rule/port.ts';
import { matches } from '../selector/evaluate.ts';
import { parseSelector } from '../selector/parse.ts';
import { ValidationError } from '../validation/validation-error.ts';
import { fromKubernetes } from './from-network-policy.ts';
import type { LabelSelector, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from './network-policy.ts';
import { toKubernetes } from './to-network-policy.ts';

const networkPolicy = (spec: object, rest: object = {}) => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'web', namespace: 'shop' },
  spec: { podSelector: {}, ...spec },
  ...rest,
});

const specOf = (spec: object) => fromKubernetes(networkPolicy(spec)).spec;

test('the nginx policy of the talk', (t) => {
  const policy = fromKubernetes({
    kind: 'NetworkPolicy',
    apiVersion: 'extensions/v1beta1',
    metadata: { name: 'access-nginx', namespace: 'policy-demo' },
    spec: { podSelector: { matchLabels: { run: 'nginx' } }, ingress: [{ from: [{ podSelector: { matchLabels: { run: 'access' } } }] }] },
  });
  t.deepEqual(policy, {
    apiVersion: 'weir/v1',
    kind: 'Policy',
    metadata: {
      name: 'access-nginx',
      namespace: 'policy-demo',
      labels: {},
      annotations: { 'weir/source': 'extensions/v1beta1 NetworkPolicy' },
    },
    spec: {
      selector: 'run == "nginx"',
      types: ['Ingress'],
      ingress: [{ action: 'Allow', source: { selector: 'run == "access"' } }],
      egress: [],
    },
  });
});

test('types: Ingress always, Egress with egress rules, else as given', (t) => {
  t.deepEqual(specOf({}).types, ['Ingress']);
  t.deepEqual(specOf({ egress: [{}] }).types, ['Ingress', 'Egress']);
  t.deepEqual(specOf({ egress: [] }).types, ['Ingress']);
  t.deepEqual(specOf({ policyTypes: ['Egress'] }).types, ['Egress']);
  // Kubernetes ignores rules of a direction that policyTypes leaves out.
  t.deepEqual(specOf({ policyTypes: ['Egress'], ingress: [{}] }).ingress, []);
});

test('absent rules deny, an empty rule allows all', (t) => {
  t.deepEqual(specOf({}).ingress, []);
  t.deepEqual(specOf({ ingress: null }).ingress, []);
  t.deepEqual(specOf({ ingress: [{}] }).ingress, [{ action: 'Allow' }]);
  t.deepEqual(specOf({ ingress: [{ from: [], ports: [] }] }).ingress, [{ action: 'Allow' }]);
  t.deepEqual(specOf({ ingress: [{ from: null, ports: null }] }).ingress, [{ action: 'Allow' }]);
});

test('peers', (t) => {
  const peersOf = (from: object[]) => specOf({ ingress: [{ from }] }).ingress.map(({ source }) => source);
  t.deepEqual(peersOf([{ podSelector: {} }]), [{ selector: 'all()' }]);
  t.deepEqual(peersOf([{ namespaceSelector: {} }]), [{ namespaceSelector: 'all()' }]);
  t.deepEqual(peersOf([{ podSelector: { matchLabels: { b: '2', a: '1' } }, namespaceSelector: { matchLabels: { team: 'x' } } }]), [
    { selector: 'a == "1" && b == "2"', namespaceSelector: 'team == "x"' },
  ]);
  t.deepEqual(peersOf([{ ipBlock: { cidr: '10.0.0.9/8', except: ['10.1.0.0/16', '10.2.0.0/16'] } }]), [
    { nets: ['10.0.0.0/8'], notNets: ['10.1.0.0/16', '10.2.0.0/16'] },
  ]);
  // Blocks without exceptions share a rule; labels do not, since criteria of one peer all have to hold.
  t.deepEqual(peersOf([{ ipBlock: { cidr: '10.0.0.0/8' } }, { podSelector: {} }, { ipBlock: { cidr: 'FD00::/8' } }]), [
    { nets: ['10.0.0.0/8', 'fd00::/8'] },
    { selector: 'all()' },
  ]);
});

test('label expressions', (t) => {
  const matchExpressions = [
    { key: 'a', operator: 'In', values: ['2', '1'] },
    { key: 'b', operator: 'NotIn', values: ['3'] },
    { key: 'c', operator: 'Exists' },
    { key: 'd', operator: 'DoesNotExist', values: [] },
  ];
  t.is(
    specOf({ podSelector: { matchLabels: { run: '' }, matchExpressions } }).selector,
    'run == "" && a in {"1", "2"} && b not in {"3"} && has(c) && !has(d)',
  );
});

test('ports: one rule for each protocol', (t) => {
  const rulesOf = (ports: object[]) => specOf({ ingress: [{ ports }] }).ingress;
  t.deepEqual(rulesOf([{ port: 80 }, { port: 'https' }, { protocol: 'UDP', port: 53 }, { port: 8080, endPort: 8090 }]), [
    { action: 'Allow', protocol: 'TCP', destination: { ports: [80, 'https', '8080:8090'] } },
    { action: 'Allow', protocol: 'UDP', destination: { ports: [53] } },
  ]);
  t.deepEqual(rulesOf([{}]), [{ action: 'Allow', protocol: 'TCP' }]);
  t.deepEqual(rulesOf([{ port: 80 }, { protocol: 'TCP' }]), [{ action: 'Allow', protocol: 'TCP' }]);
});

test('egress: peer and ports are both the destination', (t) => {
  t.deepEqual(specOf({ egress: [{ to: [{ podSelector: {} }], ports: [{ port: 53, protocol: 'UDP' }] }] }).egress, [
    { action: 'Allow', protocol: 'UDP', destination: { selector: 'all()', ports: [53] } },
  ]);
});

test('what kubectl get prints is taken, server fields and all', (t) => {
  const metadata = {
    name: 'web',
    creationTimestamp: null,
    uid: 'x',
    managedFields: [{}],
    annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}', owner: 'me' },
    labels: { app: 'x' },
  };
  t.deepEqual(fromKubernetes(networkPolicy({}, { metadata, status: {} })).metadata, {
    name: 'web',
    namespace: 'default',
    labels: { app: 'x' },
    annotations: { owner: 'me', 'weir/source': 'networking.k8s.io/v1 NetworkPolicy' },
  });
});

test('faults are told with the paths of the Kubernetes object', (t) => {
  const rule = (parts: object) => ({ ingress: [parts] });
  const bad: [object, RegExp][] = [
    [{ podSelector: undefined }, /spec\.podSelector: is missing/],
    [{ podSelctor: {} }, /spec\.podSelctor: is no field here; did you mean "podSelector"\?/],
    [rule({ from: [{}] }), /spec\.ingress\[0\]\.from\[0\]: the peer is empty/],
    [rule({ from: [{ namespaceSelector: null }] }), /from\[0\]\.namespaceSelector: null is not allowed: expected a mapping/],
    [rule({ from: [{ podSelector: {}, ipBlock: { cidr: '10.0.0.0/8' } }] }), /from\[0\]\.ipBlock: a peer is either/],
    [
      rule({ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/16'] } }] }),
      /ipBlock\.except\[0\]: "11\.0\.0\.0\/16" is no part of 10\.0\.0\.0\/8/,
    ],
    [rule({ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.0.0.0/8'] } }] }), /is no part of/],
    [rule({ ports: [{ port: 70000 }] }), /ports\[0\]\.port: 70000 is no port number/],
    [rule({ ports: [{ port: '1:9' }] }), /"1:9" is no port: write a range with "port" and "endPort"/],
    [rule({ ports: [{ protocol: 'ICMP' }] }), /ports\[0\]\.protocol: "ICMP" is not allowed: expected TCP, UDP, SCTP/],
    [rule({ ports: [{ endPort: 9 }] }), /endPort: 9 ends a range that has no start/],
    [rule({ ports: [{ port: 'http', endPort: 9 }] }), /endPort: 9 ends a range that has no start/],
    [rule({ ports: [{ port: 10, endPort: 9 }] }), /endPort: 9 ends a range that starts at 10/],
    [{ podSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } }, /matchExpressions\[0\]\.values: In needs at least one value/],
    [{ podSelector: { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] } }, /values: Exists takes no values/],
    [{ podSelector: { matchExpressions: [{ key: 'a', operator: 'Equals' }] } }, /operator: "Equals" is not allowed: expected In, NotIn/],
    [
      { podSelector: { matchExpressions: [{ key: 'a', operator: 'In', values: ['v'.repeat(500), 'w'.repeat(512)] }] } },
      /spec\.podSelector: as a selector this is \d+ characters long: allowed are 1024/,
    ],
  ];
  for (const [spec, message] of bad) t.throws(() => fromKubernetes(networkPolicy(spec)), { instanceOf: ValidationError, message });
});

test('what Kubernetes cannot say is told field by field', (t) => {
  const reasonsOf = (spec: object): string[] => {
    const result = toKubernetes(parseObject({ apiVersion: 'weir/v1', kind: 'Policy', metadata: { name: 'a' }, spec }) as Policy);
    return result.expressible ? [] : result.reasons.map(({ path, reason }) => `${path}: ${reason}`);
  };
  const bad: [object, RegExp][] = [
    [{ order: 1 }, /^spec\.order: NetworkPolicies have no order/],
    [{ selector: 'a contains "b"' }, /^spec\.selector: .*cannot say a contains "b"/],
    [{ selector: 'a == "1" || b == "2"' }, /cannot say a == "1" \|\| b == "2"/],
    [{ selector: 'a in {}' }, /cannot say a in \{\}/],
    [{ selector: 'a == "x/y"' }, /"x\/y" is no label that Kubernetes allows/],
    [{ ingress: [{ action: 'Deny' }] }, /^spec\.ingress\[0\]\.action: NetworkPolicies only allow/],
    [{ ingress: [{ action: 'Allow', ipVersion: 4 }] }, /^spec\.ingress\[0\]\.ipVersion/],
    [{ ingress: [{ action: 'Allow', protocol: 'ICMP' }] }, /^spec\.ingress\[0\]\.protocol/],
    [{ ingress: [{ action: 'Allow', notProtocol: 'TCP' }] }, /^spec\.ingress\[0\]\.notProtocol/],
    [{ ingress: [{ action: 'Allow', protocol: 'UDPLite' }] }, /^spec\.ingress\[0\]\.protocol/],
    [{ ingress: [{ action: 'Allow', protocol: 'TCP', source: { ports: [1] } }] }, /^spec\.ingress\[0\]\.source\.ports/],
    [{ ingress: [{ action: 'Allow', destination: { selector: 'has(a)' } }] }, /^spec\.ingress\[0\]\.destination\.selector/],
    [{ egress: [{ action: 'Allow', source: { nets: ['10.0.0.0/8'] } }] }, /^spec\.egress\[0\]\.source\.nets/],
    [{ ingress: [{ action: 'Allow', source: { notSelector: 'has(a)' } }] }, /^spec\.ingress\[0\]\.source\.notSelector/],
    [{ ingress: [{ action: 'Allow', source: { selector: 'has(a)', nets: ['10.0.0.0/8'] } }] }, /^spec\.ingress\[0\]\.source\.nets/],
    [{ ingress: [{ action: 'Allow', source: { notNets: ['10.0.0.0/8'] } }] }, /^spec\.ingress\[0\]\.source\.notNets/],
    [{ ingress: [{ action: 'Allow', source: { nets: ['10.1.0.0/16'], notNets: ['10.0.0.0/8'] } }] }, /10\.0\.0\.0\/8 covers it/],
    [{ ingress: [{ action: 'Allow', source: { selector: 'all()', namespaceSelector: 'global()' } }] }, /cannot say global\(\)/],
  ];
  for (const [spec, reason] of bad) {
    const reasons = reasonsOf(spec);
    t.is(reasons.length, 1, reasons.join(' | '));
    t.regex(reasons[0]!, reason);
  }
});

const LABELS = ['a', 'b'];
const VALUES = ['', '1', '2'];
const key = fc.constantFrom(...LABELS);
const value = fc.constantFrom(...VALUES);
const values = fc.array(value, { minLength: 1, maxLength: 2 });
const labelSelector: fc.Arbitrary<LabelSelector> = fc.record(
  {
    matchLabels: fc.dictionary(key, value, { noNullPrototype: true }),
    matchExpressions: fc.array(
      fc.oneof(
        fc.record({ key, operator: fc.constantFrom('In' as const, 'NotIn' as const), values }),
        fc.record({ key, operator: fc.constantFrom('Exists' as const, 'DoesNotExist' as const) }),
      ),
      { maxLength: 2 },
    ),
  },
  { requiredKeys: [] },
);
const EXCEPT = ['10.0.0.0/16', '10.1.0.0/16'];
const peer: fc.Arbitrary<NetworkPolicyPeer> = fc.oneof(
  fc.record({ podSelector: labelSelector }),
  fc.record({ namespaceSelector: labelSelector }),
  fc.record({ podSelector: labelSelector, namespaceSelector: labelSelector }),
  fc.record({ ipBlock: fc.record({ cidr: fc.constantFrom('10.0.0.0/8', '10.0.0.0/9') }) }),
  fc.record({ ipBlock: fc.record({ cidr: fc.constantFrom('10.0.0.0/8'), except: fc.subarray(EXCEPT) }) }),
);
const port: fc.Arbitrary<NetworkPolicyPort> = fc.oneof(
  fc.record({ protocol: fc.constantFrom('TCP' as const, 'UDP' as const) }, { requiredKeys: [] }),
  fc.record(
    { protocol: fc.constantFrom('TCP' as const, 'UDP' as const), port: fc.constantFrom<number | string>(80, 81, 'http') },
    { requiredKeys: ['port'] },
  ),
  fc.record({ port: fc.constantFrom(79, 80), endPort: fc.constantFrom(80, 81) }),
);
const peers = fc.array(peer, { maxLength: 3 });
const ports = fc.array(port, { maxLength: 3 });
const policies = fc
  .record(
    {
      policyTypes: fc.uniqueArray(fc.constantFrom('Ingress' as const, 'Egress' as const)),
      ingress: fc.array(fc.record({ from: peers, ports }, { requiredKeys: [] }), { maxLength: 2 }),
      egress: fc.array(fc.record({ to: peers, ports }, { requiredKeys: [] }), { maxLength: 2 }),
    },
    { requiredKeys: [] },
  )
  .chain((spec) => labelSelector.map((podSelector) => networkPolicy({ ...spec, podSelector }) as NetworkPolicy));

test('there and back: what came from Kubernetes goes back, and reads as the same again', (t) => {
  fc.assert(
    fc.property(policies, (source) => {
      const policy = fromKubernetes(source);
      t.deepEqual(parseObject(policy), policy);
      const back = toKubernetes(policy);
      t.true(back.expressible);
      if (back.expressible) t.deepEqual(fromKubernetes(back.networkPolicy), policy);
    }),
    { numRuns: 500 },
  );
});

interface Flow {
  address: string;
  /** Of the endpoint at the address; absent where none is known. */
  endpoint?: { labels: Labels; namespace: string };
  protocol: 'TCP' | 'UDP';
  port: number;
}
const TEAMS: Record<string, Labels> = { shop: { a: '1' }, bank: { b: '2' } };
const PORT_NAMES: Record<string, number> = { http: 80 };
const flow: fc.Arbitrary<Flow> = fc.record(
  {
    address: fc.constantFrom('10.0.0.1', '10.1.0.1', '10.2.0.1', '10.200.0.1', '11.0.0.1'),
    endpoint: fc.record({ labels: fc.dictionary(key, value, { noNullPrototype: true }), namespace: fc.constantFrom('shop', 'bank') }),
    protocol: fc.constantFrom('TCP', 'UDP'),
    port: fc.constantFrom(79, 80, 81, 82),
  },
  { requiredKeys: ['address', 'protocol', 'port'] },
);

/** Kubernetes' own words on LabelSelector, NetworkPolicyPeer and NetworkPolicyPort, taken literally. */
function kubernetesAllows(
  rules: { peers?: NetworkPolicyPeer[]; ports?: NetworkPolicyPort[] }[],
  { address, endpoint, protocol, port: number }: Flow,
): boolean {
  const selects = ({ matchLabels = {}, matchExpressions = [] }: LabelSelector, labels: Labels) =>
    Object.entries(matchLabels).every(([name, wanted]) => labels[name] === wanted) &&
    matchExpressions.every(({ key: name, operator, values: wanted = [] }) => {
      const found = labels[name];
      if (operator === 'Exists') return found !== undefined;
      if (operator === 'DoesNotExist') return found === undefined;
      return (found !== undefined && wanted.includes(found)) === (operator === 'In');
    });
  const peerAllows = ({ podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer) => {
    if (ipBlock) return cidrContains(ipBlock.cidr, address) && !ipBlock.except?.some((part) => cidrContains(part, address));
    if (endpoint === undefined) return false;
    if (namespaceSelector ? !selects(namespaceSelector, TEAMS[endpoint.namespace]!) : endpoint.namespace !== 'shop') return false;
    return podSelector === undefined || selects(podSelector, endpoint.labels);
  };
  const portAllows = ({ protocol: wanted = 'TCP', port: first, endPort }: NetworkPolicyPort) => {
    if (wanted !== protocol) return false;
    if (first === undefined) return true;
    if (typeof first === 'string') return PORT_NAMES[first] === number;
    return first <= number && number <= (endPort ?? first);
  };
  return rules.some(({ peers: from, ports: to }) => (!from?.length || from.some(peerAllows)) && (!to?.length || to.some(portAllows)));
}

/** Rules of ours, as PolicySpec and Peer describe them. */
function weirAllows(policy: Policy, rules: 'ingress' | 'egress', { address, endpoint, protocol, port: number }: Flow): boolean {
  const peerMatches = ({ nets, notNets, selector, namespaceSelector }: Peer) => {
    if (nets && !nets.some((net) => cidrContains(net, address))) return false;
    if (notNets?.some((net) => cidrContains(net, address))) return false;
    if (selector === undefined && namespaceSelector === undefined) return true;
    if (endpoint === undefined || !matches(parseSelector(selector ?? 'all()'), endpoint.labels)) return false;
    if (namespaceSelector === undefined) return endpoint.namespace === policy.metadata.namespace;
    return matches(
      parseSelector(namespaceSelector),
      namespaceLabels(endpoint.namespace, { metadata: { labels: TEAMS[endpoint.namespace]! } }),
    );
  };
  return policy.spec[rules].some((rule) => {
    if (rule.protocol !== undefined && rule.protocol !== protocol) return false;
    const far = rules === 'ingress' ? rule.source : rule.destination;
    if (far && !peerMatches(far)) return false;
    const wanted = rule.destination?.ports;
    return (
      !wanted ||
      wanted.some((one) =>
        portRange(one) ? portRange(one)!.first <= number && number <= portRange(one)!.last : PORT_NAMES[one] === number,
      )
    );
  });
}

test('a converted policy allows what Kubernetes would', (t) => {
  fc.assert(
    fc.property(policies, fc.array(flow, { minLength: 20, maxLength: 20 }), (source, flows) => {
      const { ingress = [], egress = [] } = source.spec;
      const policy = fromKubernetes(source);
      for (const one of flows) {
        if (policy.spec.types.includes('Ingress')) {
          t.is(
            weirAllows(policy, 'ingress', one),
            kubernetesAllows(ingress.map(({ from, ports: to }) => ({ peers: from, ports: to })) as [], one),
          );
        }
        if (policy.spec.types.includes('Egress')) {
          t.is(
            weirAllows(policy, 'egress', one),
            kubernetesAllows(egress.map(({ to, ports: list }) => ({ peers: to, ports: list })) as [], one),
          );
        }
      }
    }),
    { numRuns: 300 },
  );
});
