import { type AnyObject, type Direction, type Endpoint, familyOf, type HostEndpoint, keyOf, parseProtocol, spaceOf } from '@weir/resources';
import test from 'ava';
import fc from 'fast-check';
import { PolicyCalculator } from './calculator.ts';
import type { Flow } from './program/flow.ts';
import { difference, type Statement } from './statements/statement.ts';
import {
  anyHeader,
  anyHost,
  anyHostEndpoint,
  anyObject,
  anyPeer,
  anyVariation,
  DNS_NAMES,
  DOMAINS,
  variation,
} from './test-support/arbitraries.ts';
import type { Packet } from './test-support/packet.ts';
import { reference } from './test-support/reference.ts';
import { TableWalk } from './test-support/table-walk.ts';

const anyObjects = fc.array(anyObject, { minLength: 1, maxLength: 28 });
const anyHostEndpoints = fc.array(anyHostEndpoint, { minLength: 1, maxLength: 3 });
const anyTraffic = fc.array(fc.record({ peer: anyPeer, header: anyHeader }), { minLength: 6, maxLength: 10 });

/** So few that the generated sets and lists come to it, from below and from above. */
const FEW = { manyPeers: 2, netsPerSet: 2 };

/** The last state of each object. */
function finalState(objects: readonly AnyObject[]): AnyObject[] {
  return [...new Map(objects.map((object) => [keyOf(object), object])).values()];
}

function calculatorOf(objects: readonly AnyObject[]): PolicyCalculator {
  const calculator = new PolicyCalculator({ host: 'here', ...FEW });
  for (const object of objects) calculator.upsert(object);
  return calculator;
}

/** The packets of every endpoint of this host, in both directions, for each of its addresses and each peer of its family. */
function* packetsOf(
  objects: readonly AnyObject[],
  traffic: readonly { peer: string; header: Omit<Packet, 'source' | 'destination'> }[],
): Generator<{ endpoint: Endpoint; direction: Direction; packet: Packet }> {
  for (const endpoint of objects) {
    if (endpoint.kind !== 'Endpoint' || endpoint.spec.host !== 'here') continue;
    for (const local of endpoint.spec.addresses) {
      for (const { peer, header } of traffic) {
        if (familyOf(peer) !== familyOf(local)) continue;
        yield { endpoint, direction: 'Ingress', packet: { ...header, source: peer, destination: local } };
        yield { endpoint, direction: 'Egress', packet: { ...header, source: local, destination: peer } };
      }
    }
  }
}

test('the table, decide and allows say what the plain evaluator says', (t) => {
  let compared = 0;
  let allowed = 0;
  let stagedDiffers = 0;
  let ofMany = 0;
  let inParts = 0;
  fc.assert(
    fc.property(anyObjects, anyTraffic, (all, traffic) => {
      const objects = finalState(all);
      const calculator = calculatorOf(all);
      const table = calculator.flush().set;
      const walk = new TableWalk(table);
      walk.assertWhole();
      if ([...table.keys()].some((key) => key.startsWith('map/m_'))) ofMany += 1;
      if ([...table.keys()].some((key) => key.startsWith('chain/n_'))) inParts += 1;
      for (const { endpoint, direction, packet } of packetsOf(objects, traffic)) {
        const expected = reference(objects, endpoint, direction, packet);
        const walked = walk.verdict(endpoint.spec.hostInterface, direction, packet);
        const show = () => `${direction} of ${endpoint.metadata.name}: ${JSON.stringify(packet)}`;
        if (walked.verdict !== expected.verdict) throw new Error(`table: ${walked.verdict}, expected ${expected.verdict}; ${show()}`);
        if (String(walked.logged.sort()) !== String(expected.logged.sort())) {
          throw new Error(`table logs ${walked.logged}, expected ${expected.logged}; ${show()}`);
        }
        compared += 1;
        if (expected.verdict === 'Allow') allowed += 1;

        const decision = calculator.decide(packet);
        const isDenied = decision.steps.some(({ verdict }) => verdict === 'Deny');
        if (decision.verdict !== (isDenied ? 'Deny' : 'Allow')) throw new Error(`decide: ${JSON.stringify(decision)}`);
        if (calculator.allows(packet) === isDenied) throw new Error(`allows: ${!isDenied}; decide: ${JSON.stringify(decision)}`);
        const step = decision.steps.find((candidate) => candidate.because.direction === direction);
        if (step === undefined || step.because.endpoint?.name !== endpoint.metadata.name) continue;
        if (step.because.endpoint.namespace !== endpoint.metadata.namespace) continue;
        if (step.verdict !== expected.verdict) throw new Error(`decide: ${step.verdict}, expected ${expected.verdict}; ${show()}`);
        const ifStaged = reference(objects, endpoint, direction, packet, { staged: true });
        const staged = step.staged?.verdict ?? step.verdict;
        if (staged !== ifStaged.verdict) throw new Error(`staged: ${staged}, expected ${ifStaged.verdict}; ${show()}`);
        if (staged !== step.verdict) stagedDiffers += 1;
      }
    }),
    { numRuns: 1500 },
  );
  t.log(`${compared} packets, ${allowed} of them allowed, ${stagedDiffers} that staged policies would change`);
  t.true(stagedDiffers > 100);
  t.true(ofMany > 30, `${ofMany} tables with sets of many`);
  t.true(inParts > 5, `${inParts} tables with lists in parts`);
  // A generator that lets everything or nothing through would test nothing.
  t.true(compared > 15_000);
  t.true(allowed > compared / 5 && allowed < (compared * 4) / 5);
});

/** Of several on one interface the first by name has it: which does not depend on who came first. */
function hostEndpointsOf(objects: readonly AnyObject[]): HostEndpoint[] {
  const all = objects.filter((object) => object.kind === 'HostEndpoint' && object.spec.host === 'here') as HostEndpoint[];
  const first = new Map<string, HostEndpoint>();
  for (const one of all.sort((left, right) => (left.metadata.name < right.metadata.name ? 1 : -1))) first.set(one.spec.interfaceName, one);
  return [...first.values()];
}

test('host endpoints: the table says what the plain evaluator says of their own and of forwarded packets', (t) => {
  const count = { compared: 0, allowed: 0, decided: 0, explained: 0, through: 0 };
  fc.assert(
    fc.property(anyObjects, anyHostEndpoints, anyTraffic, (others, hosts, traffic) => {
      const all = [...others, ...hosts];
      const objects = finalState(all);
      const calculator = calculatorOf(all);
      const walk = new TableWalk(calculator.flush().set);
      const endpoints = hostEndpointsOf(objects);
      for (const name of ['eth0', 'eth1', 'tapred1', 'dummy0']) {
        const endpoint =
          endpoints.find(({ spec }) => spec.interfaceName === name) ?? endpoints.find(({ spec }) => spec.interfaceName === '*');
        for (const local of [...(endpoint?.spec.expectedIPs ?? []), '10.0.2.9', 'fd00::9']) {
          for (const { peer, header } of endpoint === undefined ? traffic.slice(0, 1) : traffic) {
            if (familyOf(peer) !== familyOf(local)) continue;
            for (const [direction, forwarded, map] of WAYS) {
              const [source, destination] = direction === 'Ingress' ? [peer, local] : [local, peer];
              const packet = { ...header, source, destination };
              const walked = walk.hostVerdict(map, name, packet);
              const expected =
                endpoint === undefined ? { verdict: 'Allow', logged: [] } : reference(objects, endpoint, direction, packet, { forwarded });
              const show = () => `${map} ${name} ${JSON.stringify(packet)}`;
              if (walked.verdict !== expected.verdict) throw new Error(`table: ${walked.verdict}, expected ${expected.verdict}; ${show()}`);
              if (String(walked.logged.sort()) !== String(expected.logged.sort()))
                throw new Error(`table logs ${walked.logged}; ${show()}`);
              count.compared += 1;
              if (walked.verdict === 'Allow') count.allowed += 1;
              if (forwarded && isNobodys(objects, peer)) {
                const by = { in: undefined, out: undefined, [direction === 'Ingress' ? 'in' : 'out']: name };
                if (calculator.allowsThrough(packet, by) !== (expected.verdict === 'Allow')) throw new Error(`allowsThrough: ${show()}`);
                count.through += 1;
              }
              if (endpoint === undefined) continue;
              const at = { hostEndpoint: endpoint.metadata.name, direction, forwarded };
              // With every rule it takes its time; of the four ways, each in its turn.
              if (count.compared % 5 === 0) {
                const { verdict, because, tiers } = calculator.explainAtHost(packet, at)!;
                if (calculator.allowsAtHost(packet, at) !== (verdict === 'Allow')) throw new Error(`allowsAtHost: ${show()}`);
                const isExempt = EXEMPT.includes(String(because.default));
                if (!isExempt && verdict !== expected.verdict) throw new Error(`explainAtHost: ${verdict}; ${show()}`);
                const rules = tiers.flatMap(({ policies }) => policies.flatMap((visited) => visited.rules));
                const deciding = rules.find((rule) => rule.isReached && rule.mismatches.length === 0 && DECIDE.includes(rule.action));
                if (!isExempt && deciding?.index !== because.ruleIndex)
                  throw new Error(`explainAtHost: ${JSON.stringify(tiers)}; ${show()}`);
                if (!isExempt) count.explained += 1;
              }
              if (forwarded) continue;
              const step = calculator.decide(packet).steps.find(({ because }) => because.direction === direction);
              if (
                step === undefined ||
                step.because.endpoint?.name !== endpoint.metadata.name ||
                step.because.endpoint.namespace !== undefined
              )
                continue;
              if (EXEMPT.includes(String(step.because.default))) continue;
              if (step.verdict !== expected.verdict) throw new Error(`decide: ${step.verdict}, expected ${expected.verdict}; ${show()}`);
              count.decided += 1;
            }
          }
        }
      }
    }),
    { numRuns: 400 },
  );
  t.log(count);
  t.true(count.compared > 20_000 && count.decided > 500 && count.explained > 500 && count.through > 500);
  t.true(count.allowed > count.compared / 5 && count.allowed < (count.compared * 19) / 20);
});

const EXEMPT = ['own traffic', 'failsafe port', 'tunnel port'];
const DECIDE = ['Allow', 'Deny'];

/** To the host's own endpoints, what its containers send comes in nowhere. */
function isNobodys(objects: readonly AnyObject[], address: string): boolean {
  return !objects.some((object) => object.kind === 'Endpoint' && object.spec.host === 'here' && object.spec.addresses.includes(address));
}

const WAYS = [
  ['Ingress', false, 'to_host'],
  ['Egress', false, 'from_host'],
  ['Ingress', true, 'forward_in'],
  ['Egress', true, 'forward_out'],
] as const;

type Change = { do: 'upsert' | 'remove' | 'spoil'; object: AnyObject } | { do: 'flush' };

const anyChanges: fc.Arbitrary<Change[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: anyObject.map((object): Change => ({ do: 'upsert', object })) },
    { weight: 2, arbitrary: anyObject.map((object): Change => ({ do: 'remove', object })) },
    { weight: 1, arbitrary: anyObject.map((object): Change => ({ do: 'spoil', object })) },
    { weight: 2, arbitrary: fc.constant<Change>({ do: 'flush' }) },
  ),
  { maxLength: 40 },
);

/** Applies a flush to a table, and refuses one that says what is so already. */
function applyFlush(table: Map<string, Statement>, calculator: PolicyCalculator): void {
  const { set, delete: gone } = calculator.flush();
  for (const key of gone) if (!table.delete(key)) throw new Error(`${key} is deleted and was not there`);
  const needed = difference(new Map([...table, ...set]), table).set;
  for (const [key, statement] of set) {
    if (!needed.has(key)) throw new Error(`${key} is set to what it is`);
    table.set(key, statement);
  }
}

test('the table depends on the objects alone, not on what came before nor on the order', (t) => {
  fc.assert(
    fc.property(
      anyChanges,
      anyObjects,
      fc.array(anyVariation, { maxLength: 5 }),
      fc.infiniteStream(fc.nat()),
      (changes, all, variations, random) => {
        const objects = finalState(all);
        const calculator = new PolicyCalculator({ host: 'here', ...FEW });
        const table = new Map<string, Statement>();
        const apply = (change: Change) => {
          if (change.do === 'flush') return applyFlush(table, calculator);
          const { kind, metadata } = change.object;
          if (change.do === 'upsert') calculator.upsert(change.object);
          else if (change.do === 'remove') calculator.remove(kind, metadata.name, metadata.namespace);
          // It is in the store, and somebody has made its rules unreadable.
          else calculator.upsertInvalid({ kind, ...metadata }, { ...change.object, spec: { ...change.object.spec, ingress: '' } });
        };
        const near = variations.map((varied): Change => ({ do: 'upsert', object: variation(objects, varied) }));
        const history: Change[] = [...changes, ...near, { do: 'flush' }];
        for (const change of history) apply(change);
        // What history left and the final state does not have goes, what it has comes, in any order, flushed in between.
        const known = new Map(history.flatMap((change) => (change.do === 'flush' ? [] : [[keyOf(change.object), change.object]])));
        for (const object of objects) known.delete(keyOf(object));
        const last: Change[] = [
          ...[...known.values()].map((object): Change => ({ do: 'remove', object })),
          ...objects.map((object): Change => ({ do: 'upsert', object })),
        ];
        while (last.length > 0) {
          apply(last.splice(random.next().value % last.length, 1)[0]!);
          if (random.next().value % 3 === 0) applyFlush(table, calculator);
        }
        applyFlush(table, calculator);

        const fresh = calculatorOf(objects).flush().set;
        const { set, delete: superfluous } = difference(fresh, table);
        if (set.size + superfluous.size > 0) throw new Error(`missing ${[...set.keys()]}, left over ${[...superfluous]}`);
        new TableWalk(table).assertWhole();
      },
    ),
    { numRuns: 1500 },
  );
  t.pass();
});

test('to each address space, what is of the others is not there', (t) => {
  let both = 0;
  const spaces = [undefined, 'red', 'blue'];
  const anyPlaced = fc.array(fc.tuple(anyObject, fc.constantFrom(...spaces)), { minLength: 1, maxLength: 30 });
  const placed = (object: AnyObject, space: string | undefined): AnyObject => {
    if (object.kind !== 'Endpoint' || space === undefined) return object;
    const { hostPorts: _, ...spec } = object.spec;
    return { ...object, spec: { ...spec, network: space, addressSpace: 'Own' } };
  };
  fc.assert(
    fc.property(anyPlaced, (all) => {
      const history = all.map(([object, space]) => placed(object, space));
      for (const space of spaces) {
        const calculator = new PolicyCalculator({ host: 'here', space, ...FEW });
        const table = new Map<string, Statement>();
        for (const object of history) {
          calculator.upsert(object);
          applyFlush(table, calculator);
        }
        const objects = finalState(history);
        const isHere = (object: AnyObject) =>
          object.kind === 'Endpoint' ? spaceOf(object.spec) === space : isEverywhere(object) || space === undefined;
        const alone = new PolicyCalculator({ host: 'here', space, ...FEW });
        for (const object of objects.filter(isHere)) alone.upsert(object);
        const { set, delete: superfluous } = difference(alone.flush().set, table);
        if (set.size + superfluous.size > 0) throw new Error(`missing ${[...set.keys()]}, left over ${[...superfluous]}`);
        if (objects.some((object) => object.kind === 'Endpoint' && !isHere(object)) && table.size > 0) both += 1;
      }
    }),
    { numRuns: 400 },
  );
  t.true(both > 200);
});

/** Policies are for the endpoints of every network; hosts and pools are of the shared address space. */
function isEverywhere({ kind }: AnyObject): boolean {
  return kind !== 'Host' && kind !== 'Pool';
}

test('allows says what decide says, at every state', (t) => {
  let compared = 0;
  let denied = 0;
  let exempt = 0;
  const anyChange = fc.oneof(
    { weight: 6, arbitrary: anyObject.map((object): Change => ({ do: 'upsert', object })) },
    { weight: 1, arbitrary: anyHost.map((object): Change => ({ do: 'upsert', object })) },
    { weight: 2, arbitrary: anyObject.map((object): Change => ({ do: 'remove', object })) },
  );
  // As conntrack has a flow, and as people may write it.
  const written = (packet: Packet, inWords: boolean): Flow => {
    if (!inWords) return packet;
    const long = (address: string) => address.replace('::', ':0:0:0::').toUpperCase();
    return { ...packet, source: long(packet.source), destination: long(packet.destination), protocol: parseProtocol(packet.protocol) };
  };
  fc.assert(
    fc.property(
      anyObjects,
      fc.array(fc.array(anyChange, { minLength: 1, maxLength: 6 }), { maxLength: 3 }),
      anyTraffic,
      fc.boolean(),
      (objects, batches, traffic, inWords) => {
        const calculator = calculatorOf(objects);
        const known = new Map(objects.map((object) => [keyOf(object), object]));
        for (const batch of [[], ...batches]) {
          for (const change of batch) {
            if (change.do === 'flush') continue;
            const { kind, metadata } = change.object;
            if (change.do === 'upsert') calculator.upsert(change.object);
            else calculator.remove(kind, metadata.name, metadata.namespace);
            known.set(keyOf(change.object), change.object);
          }
          for (const { packet } of packetsOf([...known.values()], traffic)) {
            const flow = written(packet, inWords);
            const allowed = calculator.allows(flow);
            const decision = calculator.decide(flow);
            if (allowed !== (decision.verdict === 'Allow')) throw new Error(`${JSON.stringify(flow)}: ${JSON.stringify(decision)}`);
            compared += 1;
            if (!allowed) denied += 1;
            if (['health checks', 'Mesos agent port'].includes(String(decision.because.default))) exempt += 1;
          }
        }
      },
    ),
    { numRuns: 1500 },
  );
  t.log(`${compared} flows, ${denied} of them denied, ${exempt} allowed beside policy`);
  t.true(compared > 20_000 && denied > compared / 10 && denied < (compared * 9) / 10 && exempt > 200);
});

test('every interface that lost a permission is reported', (t) => {
  let lost = 0;
  let reported = 0;
  fc.assert(
    fc.property(anyObjects, fc.array(anyVariation, { minLength: 1, maxLength: 2 }), anyTraffic, (before, variations, traffic) => {
      const state = finalState(before);
      const calculator = calculatorOf(before);
      const table = calculator.flush().set;
      const walkBefore = new TableWalk(new Map(table));
      for (const varied of variations) calculator.upsert(variation(state, varied));
      const { set, delete: gone, narrowed } = calculator.flush();
      reported += narrowed.size;
      for (const [key, statement] of set) table.set(key, statement);
      for (const key of gone) table.delete(key);
      const walkAfter = new TableWalk(table);
      for (const { endpoint, direction, packet } of packetsOf(state, traffic)) {
        const { hostInterface } = endpoint.spec;
        if (walkBefore.verdict(hostInterface, direction, packet).verdict === 'Deny') continue;
        if (walkAfter.verdict(hostInterface, direction, packet).verdict === 'Allow') continue;
        lost += 1;
        if (!narrowed.has(hostInterface))
          throw new Error(`${hostInterface} lost ${direction} ${JSON.stringify(packet)} and is not reported`);
      }
    }),
    { numRuns: 1000 },
  );
  t.true(lost > 100);
  t.log(`${lost} permissions lost, ${reported} interfaces reported`);
});

/** The same object, with domains in the rules of egress that allow, alone or beside other criteria of the destination. */
function withDomains(object: AnyObject, pick: number): AnyObject {
  if (object.kind !== 'Policy' && object.kind !== 'GlobalPolicy') return object;
  const egress = object.spec.egress.map((rule, index) =>
    rule.action === 'Allow'
      ? {
          action: rule.action,
          destination: { ...(pick % 2 === 0 && rule.destination), domains: DOMAINS[(pick + index) % DOMAINS.length]! },
        }
      : rule,
  );
  const all = pick % 3 === 0 ? { selector: 'all()' } : {};
  return { ...object, spec: { ...object.spec, ...all, egress } } as AnyObject;
}

test('what DNS tells an endpoint counts for that endpoint alone, whenever it is told, and until it is taken back', (t) => {
  const anyTold = fc.record({
    endpoint: fc.nat(8),
    name: fc.constantFrom(...DNS_NAMES),
    addresses: fc.uniqueArray(anyPeer, { maxLength: 3 }),
  });
  const anyStep = fc.oneof(
    fc.tuple(anyObject, fc.nat(8)).map(([object, pick]) => withDomains(object, pick)),
    anyTold,
  );
  let byName = 0;
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 20, maxLength: 60 }), anyTraffic, fc.nat(3), (steps, traffic, flushes) => {
      const calculator = new PolicyCalculator({ host: 'here', ...FEW });
      const objects = new Map<string, AnyObject>();
      const told = new Map<string, Map<string, string[]>>();
      const table = new Map<string, Statement>();
      const flush = () => {
        const change = calculator.flush();
        for (const [key, statement] of change.set) table.set(key, statement);
        for (const key of change.delete) table.delete(key);
      };
      for (const [index, step] of steps.entries()) {
        if ('kind' in step) {
          calculator.upsert(step);
          objects.set(keyOf(step), step);
        } else {
          const endpoints = [...objects.values()].filter((object) => object.kind === 'Endpoint' && object.spec.host === 'here');
          const endpoint = endpoints[step.endpoint % (endpoints.length || 1)];
          if (endpoint === undefined) continue;
          const key = keyOf(endpoint);
          calculator.resolved(key, step.name, step.addresses);
          told.set(key, (told.get(key) ?? new Map()).set(step.name, step.addresses));
        }
        if (index % (flushes + 1) === flushes) flush();
      }
      flush();
      const walk = new TableWalk(table);
      const final = [...objects.values()];
      const namesOf = (endpoint: Endpoint, address: string) =>
        [...(told.get(keyOf(endpoint)) ?? [])].flatMap(([name, addresses]) => (addresses.includes(address) ? [name] : []));
      for (const { endpoint, direction, packet } of packetsOf(final, traffic)) {
        const expected = reference(final, endpoint, direction, packet, { told: namesOf }).verdict;
        const walked = walk.verdict(endpoint.spec.hostInterface, direction, packet).verdict;
        if (walked !== expected)
          throw new Error(`table: ${walked}, expected ${expected}; ${endpoint.metadata.name} ${JSON.stringify(packet)}`);
        if (expected === 'Allow' && reference(final, endpoint, direction, packet).verdict === 'Deny') byName += 1;
      }
    }),
    { numRuns: 400 },
  );
  t.log(`${byName} packets allowed by what DNS told`);
  t.true(byName > 20);
});
