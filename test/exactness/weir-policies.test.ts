/**
 * What policy means is what the kernel does: random policies in a host's own table, real packets between containers, the host's own
 * processes and the world outside, and each has to arrive, or not, as the plain evaluator says. Policies change in place, so that each
 * state has a history.
 */
import { baseTable, PolicyCalculator } from '@weir/policy';
import { anyHost, anyObject, anyService, anyVariation, DNS_NAMES, type Told, variation } from '@weir/policy/test-support';
import { type AnyObject, failsafePorts, type Host, keyOf, parseObject, type Rule } from '@weir/resources';
import test from 'ava';
import fc from 'fast-check';
import { CONTAINERS, ExactHost, HOST_ADDRESSES, OUTSIDE } from './exact-host.ts';
import { asked } from './expected.ts';
import { FeatureCount } from './feature-count.ts';
import { anyVolley, shots } from './volley.ts';

/** States are drawn by so many, at least this many times; and on, up to the limit, while a part of the language has been met by no packet. */
const DRAWN = 60;
const DRAWS = { least: 2, most: 10 };
/** Of another place than fast-check's own report, so that a failure can be run again: SEED=… ava test/exactness/weir-policies.test.ts */
const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);

/** Those that policies name are there at first; a state may change them or take them away. */
const TIERS = ['early', 'middle', 'late'].map((name, index) =>
  parseObject({ apiVersion: 'weir/v1', kind: 'Tier', metadata: { name }, spec: { order: index, defaultAction: 'Pass' } }),
);

/** Objects as they come, but of the containers, links and addresses that there are. */
function placed(object: AnyObject): AnyObject {
  switch (object.kind) {
    case 'Endpoint': {
      const index = Number(object.spec.containerId.slice(1)) % CONTAINERS.length;
      const { hostInterface, addresses } = CONTAINERS[index]!;
      // Closed by policy or namespace alone: most packets are to find rules.
      const { hostPorts: _, defaultAction: __, ...spec } = object.spec;
      const name = `c${index}`;
      return parseObject({
        ...object,
        // One namespace for each container: an endpoint never has two forms.
        metadata: { ...object.metadata, name, namespace: index % 2 === 0 ? 'red' : 'blue' },
        spec: { ...spec, host: 'here', containerId: name, hostInterface, addresses },
      });
    }
    case 'HostEndpoint': {
      const { interfaceName, expectedIPs, ...spec } = object.spec;
      const link = { eth0: 'out0', eth1: 'out1', tapred1: 'tapc3' }[interfaceName] ?? interfaceName;
      return { ...object, spec: { ...spec, interfaceName: link, expectedIPs: HOST_ADDRESSES.told.slice(0, expectedIPs.length) } };
    }
    case 'Host':
      return { ...object, spec: { ...object.spec, addresses: [...HOST_ADDRESSES.told, ...HOST_ADDRESSES.untold] } };
    case 'Policy':
    case 'GlobalPolicy': {
      const { ingress, egress } = object.spec;
      return {
        ...object,
        spec: { ...object.spec, ingress: ingress.toSorted(byCriteria), egress: egress.toSorted(byCriteria) },
      } as AnyObject;
    }
    default:
      return object;
  }
}

/** Rules for everything come last: behind one nothing is ever met. */
function byCriteria(left: Rule, right: Rule): number {
  return Number(isForEverything(left)) - Number(isForEverything(right));
}

function isForEverything({ action: _, source = {}, destination = {}, ...traffic }: Rule): boolean {
  return Object.keys(traffic).length + Object.keys(source).length + Object.keys(destination).length === 0;
}

const anyPlaced = fc
  .oneof({ weight: 20, arbitrary: anyObject }, { weight: 2, arbitrary: anyService }, { weight: 2, arbitrary: anyHost })
  .map(placed);

const anyTold = fc.record({
  container: fc.nat(CONTAINERS.length - 1),
  name: fc.constantFrom(...DNS_NAMES),
  addresses: fc.uniqueArray(fc.constantFrom(...CONTAINERS.flatMap(({ addresses }) => addresses), ...Object.values(OUTSIDE).flat()), {
    maxLength: 6,
  }),
});

const anyState = fc.record({
  objects: fc.array(anyPlaced, { minLength: 2, maxLength: 9 }),
  variations: fc.array(anyVariation, { maxLength: 3 }),
  removals: fc.array(fc.nat(), { maxLength: 4 }),
  told: fc.array(anyTold, { maxLength: 5 }),
  volley: anyVolley,
});

/** The fixed part of the table, as the agent makes it from its Host. */
function baseFor(objects: readonly AnyObject[]): ReturnType<typeof baseTable> {
  const host = objects.find((object): object is Host => object.kind === 'Host');
  const mesosTraffic = host?.spec.mesosTraffic ?? { agentPorts: [5051], healthChecks: 'Always' as const };
  return baseTable({ ...mesosTraffic, vxlan: { port: 4789, vni: 4096 }, failsafePorts: failsafePorts(host?.spec ?? {}) });
}

/** What DNS told the endpoints that there are: it goes with the endpoint. */
class Answers {
  readonly #byEndpoint = new Map<string, Map<string, readonly string[]>>();

  put(endpoint: string, name: string, addresses: readonly string[]): void {
    const own = this.#byEndpoint.get(endpoint) ?? new Map<string, readonly string[]>();
    this.#byEndpoint.set(endpoint, own.set(name, addresses));
  }

  remove(endpoint: string): void {
    this.#byEndpoint.delete(endpoint);
  }

  readonly told: Told = (endpoint, address) =>
    [...(this.#byEndpoint.get(keyOf(endpoint)) ?? [])].flatMap(([name, addresses]) => (addresses.includes(address) ? [name] : []));
}

test('each of some thousand packets arrives if and only if the plain evaluator allows it', async (t) => {
  t.timeout(120_000);
  const host = ExactHost.make(t);
  const calculator = new PolicyCalculator({ host: 'here', manyPeers: 2, netsPerSet: 2 });
  const answers = new Answers();
  const features = new FeatureCount();
  let known: AnyObject[] = TIERS;
  for (const tier of TIERS) calculator.upsert(tier);
  let sent = 0;
  let passed = 0;
  let states = 0;
  let inParts = 0;
  const drawn = function* () {
    for (let draw = 0; draw < DRAWS.least || (draw < DRAWS.most && features.missing.length > 0); draw += 1)
      yield* fc.sample(anyState, { numRuns: DRAWN, seed: SEED + draw });
  };
  for (const state of drawn()) {
    states += 1;
    const removed = known.filter((_, index) => state.removals.some((removal) => removal % known.length === index));
    for (const object of removed) {
      calculator.remove(object.kind, object.metadata.name, object.metadata.namespace);
      answers.remove(keyOf(object));
    }
    known = known.filter((object) => !removed.includes(object));
    const changed = [...state.objects, ...state.variations.map((varied) => placed(variation(state.objects, varied)))];
    for (const object of changed) calculator.upsert(object);
    known = [...new Map([...known, ...changed].map((object) => [keyOf(object), object])).values()];
    for (const { container, name, addresses } of state.told) {
      const endpoint = known.find(({ kind, metadata }) => kind === 'Endpoint' && metadata.name === `c${container}`);
      if (endpoint === undefined) continue;
      calculator.resolved(keyOf(endpoint), name, addresses);
      answers.put(keyOf(endpoint), name, addresses);
    }
    const change = calculator.flush();
    if (change.set.keys().some((key) => key.startsWith('chain/n_'))) inParts += 1;
    await host.apply(change, baseFor(known));

    const volley = shots(host.places, state.volley, known, (rule) => features.rarity(rule));
    const ends = volley.map((shot) => asked(known, shot, answers.told));
    for (const end of ends) features.note(end);
    const wanted = new Set(ends.flatMap((end, index) => (end.every(({ verdict }) => verdict === 'Allow') ? sent + index : [])));
    const arrived = await host.arrivals(volley, sent, wanted);
    for (const number of wanted.symmetricDifference(arrived)) {
      const { packet, from, to } = volley[number - sent]!;
      const said = ends[number - sent]!.map(({ verdict, terms }) => `${verdict} (${terms})`).join(', ');
      const outcome = wanted.has(number) ? 'did not arrive' : 'arrived';
      return t.fail(
        `SEED=${SEED}: ${from.link ?? 'host'} to ${to.link ?? 'host'} ${JSON.stringify(packet)} ${outcome}; the evaluator says ${said}, the calculator ${JSON.stringify(calculator.decide(packet))}`,
      );
    }
    passed += wanted.size;
    sent += volley.length;
  }
  t.log(`${sent} packets in ${states} states, ${passed} arrived, ${inParts} times another list in parts, SEED=${SEED}`);
  t.log(
    `met by the fewest: ${features.rarest
      .slice(0, 12)
      .map((entry) => entry.join(' '))
      .join(', ')}`,
  );
  t.deepEqual(features.missing, [], 'what no packet meets is not tested');
  t.true(sent >= 2000);
  t.true(passed > sent / 10 && passed < (sent * 9) / 10, 'what lets everything or nothing through tests nothing');
});
