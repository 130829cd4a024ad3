/** What becomes of policies of Kubernetes means what the API's descriptions say of them. */
import { type Endpoint, familyOf, parseDocuments } from '@weir/resources';
import test from 'ava';
import fc from 'fast-check';
import { PolicyCalculator } from './calculator.ts';
import { anyHeader } from './test-support/arbitraries.ts';
import { anyKubernetesPolicy, anyPodTraits, anyTeams, asKept } from './test-support/kubernetes-arbitraries.ts';
import { kubernetesVerdict } from './test-support/kubernetes-reference.ts';
import { endpoint } from './test-support/objects.ts';

const PODS: Readonly<Record<string, readonly string[]>> = {
  red0: ['10.0.0.1', 'fd00::1'],
  red1: ['10.0.0.2', 'fd00::2'],
  blue0: ['10.0.0.3', 'fd00::3'],
  blue1: ['10.0.0.4'],
};
const ADDRESSES = [...Object.values(PODS).flat(), '10.0.0.200', '192.168.1.1', '8.8.8.8', '2001:db8::1'];

test('the rules made of Kubernetes’ policies allow what its own descriptions allow', (t) => {
  const kinds = new Map<string, number>();
  let allowed = 0;
  let compared = 0;
  const anyWorld = fc.record({
    policies: fc.array(anyKubernetesPolicy, { minLength: 1, maxLength: 8 }),
    teams: anyTeams,
    traits: fc.array(anyPodTraits, { minLength: 4, maxLength: 4 }),
    traffic: fc.array(fc.record({ source: fc.constantFrom(...ADDRESSES), destination: fc.constantFrom(...ADDRESSES), header: anyHeader }), {
      minLength: 40,
      maxLength: 40,
    }),
  });
  fc.assert(
    fc.property(anyWorld, ({ policies: drawn, teams, traits, traffic }) => {
      const pods = Object.entries(PODS).map(([name, addresses], index): Endpoint => {
        const { labels, ports } = traits[index]!;
        return endpoint(name, labels, { addresses: [...addresses], ports }, name.slice(0, -1));
      });
      const policies = asKept(drawn);
      const world = { namespaces: teams, pods };
      const calculator = new PolicyCalculator({ host: 'here' });
      for (const object of [...teams, ...pods]) calculator.upsert(object);
      for (const policy of policies) for (const { object } of parseDocuments(JSON.stringify(policy))) calculator.upsert(object);
      for (const { source, destination, header } of traffic) {
        if (source === destination || familyOf(source) !== familyOf(destination)) continue;
        const packet = { ...header, source, destination };
        const ends = [
          ['Egress', source],
          ['Ingress', destination],
        ] as const;
        const verdicts = ends.flatMap(([direction, address]) => {
          const pod = pods.find(({ spec }) => spec.addresses.includes(address));
          return pod === undefined ? [] : [kubernetesVerdict(policies, world, pod, direction, packet)];
        });
        for (const { by = 'none' } of verdicts) kinds.set(by, (kinds.get(by) ?? 0) + 1);
        const expected = verdicts.every(({ verdict }) => verdict === 'Allow');
        if (calculator.allows(packet) !== expected)
          throw new Error(
            `${JSON.stringify(packet)}: Kubernetes says ${JSON.stringify(verdicts)}, here ${JSON.stringify(calculator.decide(packet))}`,
          );
        compared += 1;
        if (expected) allowed += 1;
      }
    }),
    { numRuns: 400 },
  );
  t.log(`${compared} packets, ${allowed} allowed; decided: ${[...kinds].map((entry) => entry.join(' ')).join(', ')}`);
  t.true(allowed > compared / 5 && allowed < (compared * 4) / 5);
  for (const kind of [
    'AdminNetworkPolicy',
    'BaselineAdminNetworkPolicy',
    'ClusterNetworkPolicy',
    'networking.k8s.io/v1',
    'extensions/v1beta1',
  ])
    t.true((kinds.get(kind) ?? 0) > 50, kind);
});
