/**
 * What Kubernetes says that its policies mean is what the kernel does: random policies of all its kinds, applied and taken away in a
 * host's own table, and real packets between pods and the world outside.
 */
import { baseTable, PolicyCalculator } from '@weir/policy';
import { anyKubernetesPolicy, anyPodTraits, anyTeams, asKept, type KubernetesPolicy, kubernetesVerdict } from '@weir/policy/test-support';
import { type AnyObject, type Endpoint, keyOf, parseDocuments, parseObject } from '@weir/resources';
import test from 'ava';
import fc from 'fast-check';
import { CONTAINERS, ExactHost, type Place, type Shot } from './exact-host.ts';
import { anyVolley, shots } from './volley.ts';

const STATES = 60;
const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const BASE = baseTable({ agentPorts: [5051], healthChecks: 'Always', vxlan: { port: 4789, vni: 4096 } });

const anyState = fc.record({
  policies: fc.array(anyKubernetesPolicy, { minLength: 2, maxLength: 9 }),
  teams: anyTeams,
  traits: fc.array(anyPodTraits, { minLength: CONTAINERS.length, maxLength: CONTAINERS.length }),
  volley: anyVolley,
});
type State = typeof anyState extends fc.Arbitrary<infer T> ? T : never;

function podsOf({ traits }: State): Endpoint[] {
  return CONTAINERS.map(({ hostInterface, addresses }, index) => {
    const { labels, ports } = traits[index]!;
    return parseObject({
      apiVersion: 'weir/v1',
      kind: 'Endpoint',
      metadata: { name: `c${index}`, namespace: index % 2 === 0 ? 'red' : 'blue', labels },
      spec: { host: 'here', containerId: `c${index}`, network: 'net', interfaceName: 'eth0', hostInterface, addresses, ports },
    }) as Endpoint;
  });
}

/** What each end that is a pod says. */
function said(
  { packet, from, to }: Shot,
  policies: readonly KubernetesPolicy[],
  { teams, pods }: { teams: State['teams']; pods: Endpoint[] },
) {
  const podAt = ({ link }: Place) => pods.find(({ spec }) => spec.hostInterface === link);
  const ends = [
    ['Egress', podAt(from)],
    ['Ingress', podAt(to)],
  ] as const;
  return ends.flatMap(([direction, pod]) =>
    pod === undefined ? [] : [kubernetesVerdict(policies, { namespaces: teams, pods }, pod, direction, packet)],
  );
}

test('each packet between pods arrives if and only if Kubernetes’ own descriptions of its policies allow it', async (t) => {
  t.timeout(120_000);
  const host = ExactHost.make(t);
  const places = host.places.filter(({ kind }) => kind !== 'host');
  const calculator = new PolicyCalculator({ host: 'here', manyPeers: 2, netsPerSet: 2 });
  let known = new Map<string, AnyObject>();
  const kinds = new Map<string, number>();
  let sent = 0;
  let passed = 0;
  for (const state of fc.sample(anyState, { numRuns: STATES, seed: SEED })) {
    const policies = asKept(state.policies);
    const pods = podsOf(state);
    const objects = [
      ...state.teams,
      ...pods,
      ...policies.flatMap((policy) => parseDocuments(JSON.stringify(policy)).map(({ object }) => object)),
    ];
    const now = new Map(objects.map((object) => [keyOf(object), object]));
    for (const [key, { kind, metadata }] of known) if (!now.has(key)) calculator.remove(kind, metadata.name, metadata.namespace);
    for (const object of objects) calculator.upsert(object);
    known = now;
    await host.apply(calculator.flush(), BASE);

    const volley = shots(places, state.volley, objects);
    const ends = volley.map((shot) => said(shot, policies, { teams: state.teams, pods }));
    for (const { by } of ends.flat()) if (by !== undefined) kinds.set(by, (kinds.get(by) ?? 0) + 1);
    const wanted = new Set(ends.flatMap((end, index) => (end.every(({ verdict }) => verdict === 'Allow') ? sent + index : [])));
    const arrived = await host.arrivals(volley, sent, wanted);
    for (const number of wanted.symmetricDifference(arrived)) {
      const { packet } = volley[number - sent]!;
      const outcome = wanted.has(number) ? 'did not arrive' : 'arrived';
      return t.fail(
        `SEED=${SEED}: ${JSON.stringify(packet)} ${outcome}; Kubernetes says ${JSON.stringify(ends[number - sent])}, the calculator ${JSON.stringify(calculator.decide(packet))}`,
      );
    }
    passed += wanted.size;
    sent += volley.length;
  }
  t.log(
    `${sent} packets in ${STATES} states, ${passed} arrived, SEED=${SEED}; decided: ${[...kinds].map((entry) => entry.join(' ')).join(', ')}`,
  );
  for (const kind of [
    'AdminNetworkPolicy',
    'BaselineAdminNetworkPolicy',
    'ClusterNetworkPolicy',
    'networking.k8s.io/v1',
    'extensions/v1beta1',
  ])
    t.true((kinds.get(kind) ?? 0) > 20, kind);
  t.true(passed > sent / 10 && passed < (sent * 9) / 10, 'what lets everything or nothing through tests nothing');
});
