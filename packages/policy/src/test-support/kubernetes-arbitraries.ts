/** Policies of Kubernetes, of every kind and with every field that is taken. */
import { type Namespace, parseObject } from '@weir/resources';
import fc from 'fast-check';
import type {
  ClusterPolicyObject,
  ClusterRule,
  KubernetesPolicy,
  LabelSelector,
  NetworkPolicyObject,
  NetworkPolicyRule,
} from './kubernetes-reference.ts';

// The same labels, namespaces, nets and ports as those of other objects: things have to meet.
const NAMESPACES = ['red', 'blue'];
const BLOCKS = [
  { cidr: '10.0.0.0/24', except: ['10.0.0.2/32', '10.0.0.4/31'] },
  { cidr: '10.0.0.0/24', except: [] },
  { cidr: '10.0.0.0/30' },
  { cidr: '0.0.0.0/0', except: ['10.0.0.0/8'] },
  { cidr: '192.168.0.0/16' },
  { cidr: 'fd00::/64', except: ['fd00::2/127'] },
  { cidr: '::/0' },
];
const NETWORKS = ['10.0.0.0/24', '10.0.0.0/30', '0.0.0.0/0', '192.168.0.0/16', '8.8.8.8/32', 'fd00::/64', '::/0'];
const PORTS = [80, 443, 8000, 8080];
const NAMES = ['http', 'dns'];

const values = { app: ['x', 'y', 'xy'], tier: ['x', 'y'], team: ['a', 'b'], 'kubernetes.io/metadata.name': NAMESPACES } as const;
type Key = keyof typeof values;

function selectorOf(...keys: Key[]): fc.Arbitrary<LabelSelector> {
  const key = fc.constantFrom(...keys);
  const label = key.chain((name) => fc.constantFrom(...values[name]).map((value) => ({ [name]: value })));
  const expression = key.chain((name) =>
    fc.oneof(
      fc.record({
        key: fc.constant(name as string),
        operator: fc.constantFrom('In' as const, 'NotIn' as const),
        values: fc.uniqueArray(fc.constantFrom<string>(...values[name]), { minLength: 1, maxLength: 2 }),
      }),
      fc.record({ key: fc.constant(name as string), operator: fc.constantFrom('Exists' as const, 'DoesNotExist' as const) }),
    ),
  );
  return fc.oneof(
    { weight: 2, arbitrary: fc.constant({}) },
    { weight: 2, arbitrary: label.map((matchLabels) => ({ matchLabels })) },
    { weight: 2, arbitrary: expression.map((one) => ({ matchExpressions: [one] })) },
    { weight: 1, arbitrary: fc.tuple(label, expression).map(([matchLabels, one]) => ({ matchLabels, matchExpressions: [one] })) },
  );
}

const ofPods = selectorOf('app', 'tier');
const ofNamespaces = selectorOf('team', 'kubernetes.io/metadata.name');

const peer = fc.oneof(
  fc.record({ podSelector: ofPods }),
  fc.record({ namespaceSelector: ofNamespaces }),
  fc.record({ podSelector: ofPods, namespaceSelector: ofNamespaces }),
  fc.constantFrom(...BLOCKS).map((ipBlock) => ({ ipBlock })),
);
const protocol = fc.constantFrom('TCP' as const, 'UDP' as const, 'SCTP' as const);
const port = fc.oneof(
  fc.record({ protocol }),
  fc.record({ protocol, port: fc.oneof(fc.constantFrom(...PORTS), fc.constantFrom(...NAMES)) }, { requiredKeys: ['port'] }),
  fc.record(
    { protocol, port: fc.constantFrom(80, 8000), endPort: fc.constantFrom(8000, 8080, 65_535) },
    { requiredKeys: ['port', 'endPort'] },
  ),
);
/** Absent and empty lists mean the same in some places, and not in others. */
const list = <T>(of: fc.Arbitrary<T>) => fc.array(of, { maxLength: 2 });
const rule = (peers: 'from' | 'to'): fc.Arbitrary<NetworkPolicyRule> =>
  fc.record({ [peers]: list(peer), ports: list(port) }, { requiredKeys: [] }) as fc.Arbitrary<NetworkPolicyRule>;

const networkPolicy: fc.Arbitrary<NetworkPolicyObject> = fc
  .record({
    apiVersion: fc.constantFrom('networking.k8s.io/v1' as const, 'networking.k8s.io/v1' as const, 'extensions/v1beta1' as const),
    name: fc.constantFrom('p', 'q', 'r'),
    namespace: fc.constantFrom(...NAMESPACES),
    spec: fc.record(
      {
        podSelector: ofPods,
        policyTypes: fc.subarray<'Ingress' | 'Egress'>(['Ingress', 'Egress']),
        ingress: fc.array(rule('from'), { maxLength: 3 }),
        egress: fc.array(rule('to'), { maxLength: 3 }),
      },
      { requiredKeys: ['podSelector'] },
    ),
  })
  .map(({ apiVersion, name, namespace, spec }) => ({ apiVersion, kind: 'NetworkPolicy', metadata: { name, namespace }, spec }));

const subject = (podNamespaces: 'required' | 'optional') =>
  fc.oneof(
    fc.record({ namespaces: ofNamespaces }),
    fc
      .record(
        { namespaceSelector: ofNamespaces, podSelector: ofPods },
        { requiredKeys: podNamespaces === 'required' ? ['namespaceSelector', 'podSelector'] : ['podSelector'] },
      )
      .map((pods) => ({ pods })),
  );
const networks = fc.uniqueArray(fc.constantFrom(...NETWORKS), { minLength: 1, maxLength: 2 }).map((nets) => ({ networks: nets }));
const range = fc.constantFrom({ start: 1, end: 100 }, { start: 8000, end: 8080 }, { start: 8080, end: 65_535 });
const alpha1Port = fc.oneof(
  fc.record({ protocol, port: fc.constantFrom(...PORTS) }, { requiredKeys: ['port'] }).map((portNumber) => ({ portNumber })),
  fc
    .tuple(fc.option(protocol, { nil: undefined }), range)
    .map(([name, span]) => ({ portRange: { ...(name && { protocol: name }), ...span } })),
  fc.constantFrom(...NAMES).map((namedPort) => ({ namedPort })),
);
const alpha2Port = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('tcp', 'udp', 'sctp'),
      fc.oneof(
        fc.constantFrom(...PORTS).map((number) => ({ number })),
        range.map((span) => ({ range: span })),
      ),
    )
    .map(([name, destinationPort]) => ({ [name]: { destinationPort } })),
  fc.constantFrom(...NAMES).map((destinationNamedPort) => ({ destinationNamedPort })),
);

function clusterPolicy(of: {
  kind: ClusterPolicyObject['kind'];
  actions: ClusterRule['action'][];
  head: fc.Arbitrary<object>;
  names: string[];
}): fc.Arbitrary<ClusterPolicyObject> {
  const isAlpha2 = of.kind === 'ClusterNetworkPolicy';
  const own = subject(isAlpha2 ? 'optional' : 'required');
  const ports: Record<string, fc.Arbitrary<unknown>> = isAlpha2 ? { protocols: list(alpha2Port) } : { ports: list(alpha1Port) };
  const rules = (peers: 'from' | 'to', peersOf: fc.Arbitrary<object>) =>
    fc.array(
      fc.record(
        {
          name: fc.constantFrom('first', 'second'),
          action: fc.constantFrom(...of.actions),
          [peers]: fc.array(peersOf, { minLength: 1, maxLength: 2 }),
          ...ports,
        },
        { requiredKeys: ['action', peers] },
      ),
      { maxLength: 3 },
    );
  return fc
    .record({
      name: fc.constantFrom(...of.names),
      head: of.head,
      spec: fc.record(
        { subject: own, ingress: rules('from', own), egress: rules('to', fc.oneof(own, networks)) },
        { requiredKeys: ['subject'] },
      ),
    })
    .map(
      ({ name, head, spec }) =>
        ({
          apiVersion: `policy.networking.k8s.io/${isAlpha2 ? 'v1alpha2' : 'v1alpha1'}`,
          kind: of.kind,
          metadata: { name },
          spec: { ...head, ...spec },
        }) as ClusterPolicyObject,
    );
}

/** What comes first of two of one priority is not defined, so each kind has its own. */
const priorities = (from: number) => fc.constantFrom(from, from + 2, from + 4);

export const anyKubernetesPolicy: fc.Arbitrary<KubernetesPolicy> = fc.oneof(
  { weight: 4, arbitrary: networkPolicy },
  {
    weight: 1,
    arbitrary: clusterPolicy({
      kind: 'AdminNetworkPolicy',
      actions: ['Allow', 'Deny', 'Pass'],
      head: priorities(10).map((priority) => ({ priority })),
      names: ['a', 'b'],
    }),
  },
  {
    weight: 1,
    arbitrary: clusterPolicy({
      kind: 'BaselineAdminNetworkPolicy',
      actions: ['Allow', 'Deny'],
      head: fc.constant({}),
      names: ['default'],
    }),
  },
  {
    weight: 2,
    arbitrary: clusterPolicy({
      kind: 'ClusterNetworkPolicy',
      actions: ['Accept', 'Deny', 'Pass'],
      head: fc.record({ tier: fc.constantFrom('Admin', 'Baseline'), priority: priorities(11) }),
      names: ['a', 'b'],
    }),
  },
);

/** As the API server keeps them: one of each kind, name and namespace; and no two of one priority in a tier, whose order is not defined. */
export function asKept(policies: readonly KubernetesPolicy[]): KubernetesPolicy[] {
  const kept = new Map(policies.map((policy) => [JSON.stringify([policy.kind, policy.metadata]), policy]));
  const places = new Set<string>();
  return [...kept.values()].filter((policy) => {
    if (policy.kind === 'NetworkPolicy' || policy.spec.priority === undefined) return true;
    const place = `${policy.spec.tier ?? 'Admin'} ${policy.spec.priority}`;
    if (places.has(place)) return false;
    places.add(place);
    return true;
  });
}

const labels = fc.record({ app: fc.constantFrom(...values.app), tier: fc.constantFrom(...values.tier) }, { requiredKeys: [] });
const ports = fc.uniqueArray(
  fc.constantFrom(
    { name: 'http', protocol: 'TCP', port: 80 },
    { name: 'http', protocol: 'TCP', port: 8080 },
    { name: 'dns', protocol: 'UDP', port: 53 },
    { name: 'dns', protocol: 'TCP', port: 53 },
  ),
  { maxLength: 2 },
);

/** Of pods as there may be, what policies look at; their addresses are somebody else's business. */
export const anyPodTraits = fc.record({ labels, ports });

export const anyTeams: fc.Arbitrary<Namespace[]> = fc
  .tuple(...NAMESPACES.map((name) => fc.option(fc.constantFrom('a', 'b')).map((team) => ({ name, team }))))
  .map((all) =>
    all.flatMap(({ name, team }) =>
      team === null
        ? []
        : [parseObject({ apiVersion: 'weir/v1', kind: 'Namespace', metadata: { name, labels: { team } }, spec: {} }) as Namespace],
    ),
  );
