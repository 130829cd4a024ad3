/**
 * What Weir makes of Kubernetes' policies allows what SIG Network's own implementation of them allows, for random policies, pods and
 * packets. That one is no work of ours, as the evaluators of the other tests are.
 */
import { PolicyCalculator } from '@weir/policy';
import { anyKubernetesPolicy, anyPodTraits, anyTeams, asKept, endpoint, type KubernetesPolicy } from '@weir/policy/test-support';
import { type Endpoint, familyOf, type Namespace, parseDocuments, protocolNumber } from '@weir/resources';
import test from 'ava';
import fc from 'fast-check';
import { type EvaluatedWorld, evaluate, findEvaluator } from './kube-network-policies.ts';

const WORLDS = 400;
const PACKETS = 100;
const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);

const NAMESPACES = ['red', 'blue'];
const PODS: Readonly<Record<string, readonly string[]>> = {
  red0: ['10.0.0.1', 'fd00::1'],
  red1: ['10.0.0.2', 'fd00::2'],
  blue0: ['10.0.0.3', 'fd00::3'],
  blue1: ['10.0.0.4'],
};
const ADDRESSES = [...Object.values(PODS).flat(), '10.0.0.200', '192.168.1.1', '8.8.8.8', '2001:db8::1'];

const anyPacket = fc
  .record({
    source: fc.constantFrom(...ADDRESSES),
    destination: fc.constantFrom(...ADDRESSES),
    protocol: fc.constantFrom('TCP', 'UDP', 'SCTP'),
    sourcePort: fc.constantFrom(80, 8000, 40_000),
    destinationPort: fc.constantFrom(1, 53, 79, 80, 81, 100, 101, 443, 7999, 8000, 8080, 8081, 65_535),
  })
  .filter(({ source, destination }) => source !== destination && familyOf(source) === familyOf(destination));
const anyWorld = fc.record({
  policies: fc.array(anyKubernetesPolicy, { minLength: 1, maxLength: 9 }),
  teams: anyTeams,
  traits: fc.array(anyPodTraits, { minLength: 4, maxLength: 4 }),
  packets: fc.array(anyPacket, { minLength: PACKETS, maxLength: PACKETS }),
});

/**
 * Without what v0.8.0 of the other one does not do as Kubernetes' descriptions say:
 *
 * - ClusterNetworkPolicy came after it.
 * - `namedPort` of the cluster-wide kinds: "NamedPort selects a port on a pod(s) based on name". It lets every port of a pod with such a
 *   name through, and looks at the pod that sends when it comes to ingress.
 * - A BaselineAdminNetworkPolicy is passed over, in both directions, for a pod that any NetworkPolicy selects. A pod is isolated for a
 *   direction by policies of that direction alone ("isolated for egress if there is any NetworkPolicy that both selects the pod and has
 *   'Egress' in its policyTypes"), and its rules are for traffic "not matched by any AdminNetworkPolicy or NetworkPolicy rules".
 */
function comparable(policies: readonly KubernetesPolicy[]): KubernetesPolicy[] {
  const taken = asKept(policies.filter(({ kind }) => kind !== 'ClusterNetworkPolicy'));
  const hasBaseline = taken.some(({ kind }) => kind === 'BaselineAdminNetworkPolicy');
  return taken.map((policy): KubernetesPolicy => {
    if (policy.kind === 'NetworkPolicy') {
      return hasBaseline ? { ...policy, spec: { ...policy.spec, policyTypes: ['Ingress', 'Egress'] } } : policy;
    }
    const unnamed = (rules: (typeof policy.spec)['ingress']) =>
      rules?.filter(({ ports = [] }) => !ports.some(({ namedPort }) => namedPort !== undefined));
    const [ingress, egress] = [unnamed(policy.spec.ingress), unnamed(policy.spec.egress)];
    return { ...policy, spec: { ...policy.spec, ...(ingress && { ingress }), ...(egress && { egress }) } };
  });
}

/** As the API server gives it to controllers: with defaults, and no lists that are empty. */
function asServed({ apiVersion: _, ...policy }: KubernetesPolicy): object {
  const { spec } = policy;
  const withProtocol = <T extends { protocol?: string }>(port: T) => ({ protocol: 'TCP', ...port });
  const rules = (list: readonly object[] | undefined) =>
    list?.map((rule) => {
      const entries = Object.entries(rule as Record<string, unknown[]>).filter(([, value]) => value.length > 0);
      return Object.fromEntries(entries.map(([key, value]) => [key, key === 'ports' ? value.map(served) : value]));
    });
  const served = (port: unknown): object => {
    const { portNumber, portRange } = port as Record<string, { protocol?: string }>;
    if (portNumber !== undefined) return { portNumber: withProtocol(portNumber) };
    if (portRange !== undefined) return { portRange: withProtocol(portRange) };
    return withProtocol(port as object);
  };
  const [ingress, egress] = [rules(spec.ingress), rules(spec.egress)];
  const lists = { ...(ingress?.length && { ingress }), ...(egress?.length && { egress }) };
  const { ingress: _ingress, egress: _egress, ...rest } = spec;
  const types = 'policyTypes' in spec && spec.policyTypes?.length ? spec.policyTypes : ['Ingress', ...(egress?.length ? ['Egress'] : [])];
  return { ...policy, spec: { ...rest, ...lists, ...(policy.kind === 'NetworkPolicy' && { policyTypes: types }) } };
}

function evaluatedWorld(of: {
  policies: KubernetesPolicy[];
  teams: Namespace[];
  pods: Endpoint[];
  packets: EvaluatedWorld['packets'];
}): EvaluatedWorld {
  const ofKind = (kind: string) => of.policies.filter((policy) => policy.kind === kind).map(asServed);
  return {
    namespaces: NAMESPACES.map((name) => {
      const labels = of.teams.find(({ metadata }) => metadata.name === name)?.metadata.labels;
      return { metadata: { name, labels: { ...labels, 'kubernetes.io/metadata.name': name } } };
    }),
    pods: of.pods.map(({ metadata: { name, namespace, labels }, spec }) => ({
      metadata: { name, namespace, labels },
      spec: { containers: [{ name, ports: spec.ports.map(({ port, ...rest }) => ({ ...rest, containerPort: port })) }] },
      status: { podIPs: spec.addresses.map((ip) => ({ ip })) },
    })),
    policies: ofKind('NetworkPolicy'),
    admin: ofKind('AdminNetworkPolicy'),
    baseline: ofKind('BaselineAdminNetworkPolicy'),
    packets: of.packets,
  };
}

const found = await findEvaluator();
if ('missing' in found) test(`kube-network-policies is not asked here: ${found.missing}`, (t) => t.pass());
const real = 'missing' in found ? test.skip : test;

real('every packet is allowed that kube-network-policies allows, and no other', async (t) => {
  t.timeout(60_000);
  const worlds = fc.sample(anyWorld, { numRuns: WORLDS, seed: SEED }).map(({ policies, teams, traits, packets }) => {
    const pods = Object.entries(PODS).map(([name, addresses], index): Endpoint => {
      const { labels, ports } = traits[index]!;
      return endpoint(name, labels, { addresses: [...addresses], ports }, name.slice(0, -1));
    });
    return { policies: comparable(policies), teams, pods, packets };
  });
  const answers = await evaluate((found as { path: string }).path, worlds.map(evaluatedWorld));
  let allowed = 0;
  const differences: string[] = [];
  for (const [index, { policies, teams, pods, packets }] of worlds.entries()) {
    const calculator = new PolicyCalculator({ host: 'here' });
    for (const object of [...teams, ...pods]) calculator.upsert(object);
    for (const policy of policies) for (const { object } of parseDocuments(JSON.stringify(policy))) calculator.upsert(object);
    for (const [at, packet] of packets.entries()) {
      const flow = { ...packet, protocol: protocolNumber(packet.protocol)! };
      const isAllowed = answers[index]![at]!;
      if (isAllowed) allowed += 1;
      if (calculator.allows(flow) === isAllowed) continue;
      const world = {
        namespaces: teams.map(({ metadata }) => metadata),
        pods: pods.map(({ metadata, spec: { ports } }) => ({ metadata, ports })),
        policies,
      };
      differences.push(`${isAllowed ? 'allowed' : 'denied'} there: ${JSON.stringify({ packet, here: calculator.decide(flow), ...world })}`);
    }
  }
  t.deepEqual(differences.slice(0, 3), [], `SEED=${SEED}, ${differences.length} in all`);
  t.log(`${WORLDS * PACKETS} packets in ${WORLDS} worlds, ${allowed} allowed, SEED=${SEED}`);
  t.true(allowed > (WORLDS * PACKETS) / 5 && allowed < (WORLDS * PACKETS * 4) / 5);
});
