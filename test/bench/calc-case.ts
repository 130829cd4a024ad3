/** One case of bench:calc, in a process of its own so that memory is its own: `calc-case.ts CASE` as JSON, rows on stdout. */

import { PolicyCalculator } from '@weir/policy';
import type { AnyObject } from '@weir/resources';
import {
  type ClusterSize,
  clusterObjects,
  endpointAt,
  HERE,
  LOCAL_ENDPOINTS,
  listedObjects,
  NETS_PER_SET,
  type NetForm,
  namespaceNamed,
  netAt,
  networkSet,
  policyOfApp,
} from './calc-objects.ts';

export type Case = { kind: 'cluster'; size: ClusterSize } | { kind: 'list'; form: NetForm; count: number };

export interface CaseResult {
  /** Milliseconds of the first flush, after everything was taken in. */
  first: number;
  /** MiB that the process had at most. */
  memory: number;
  statements: number;
  /** Milliseconds of upsert and flush together, by what was changed. */
  changes: Record<string, number[]>;
}

/** Agents live for weeks: their code is compiled. */
const WARM_UP = 200;
const ROUNDS = 500;

const given = JSON.parse(process.argv[2]!) as Case;
process.stdout.write(JSON.stringify(given.kind === 'cluster' ? measureCluster(given.size) : measureList(given)));

function measureCluster(size: ClusterSize): CaseResult {
  const calculator = new PolicyCalculator({ host: HERE });
  const { first, statements } = sync(calculator, clusterObjects(size));
  // What the objects themselves need is part of it, as it is in an agent.
  const memory = maximumMemory();
  const remote = (round: number) => LOCAL_ENDPOINTS + ((round * 37) % (size.endpoints - LOCAL_ENDPOINTS));
  const local = (round: number) => (round * 37) % LOCAL_ENDPOINTS;
  const changes: Record<string, (round: number) => AnyObject> = {
    'new endpoint elsewhere': (round) => endpointAt(size.endpoints + round, size),
    'label of an endpoint elsewhere': (round) => endpointAt(remote(round), size, { app: `app-${round % LOCAL_ENDPOINTS}` }),
    'label that no rule names, elsewhere': (round) => endpointAt(remote(round), size, { build: `${round}` }),
    'label that no rule names, here': (round) => endpointAt(local(round), size, { build: `${round}` }),
    // There and back, so that each app here keeps its endpoint.
    'label of an endpoint here, by which policies select it': (round) =>
      endpointAt(local(round >> 1), size, round % 2 === 0 ? { app: `app-${(round * 7) % LOCAL_ENDPOINTS}` } : {}),
    'port of a policy of endpoints here': (round) => policyOfApp(local(round), 1024 + round),
    'port of any other policy': (round) => policyOfApp(LOCAL_ENDPOINTS + ((round * 37) % (size.policies - LOCAL_ENDPOINTS)), 1024 + round),
    'labels of a namespace': (round) => namespaceNamed(`namespace-${1 + (round % 9)}`, round % 10),
  };
  return { first, memory, statements, changes: measureChanges(calculator, changes) };
}

function measureList({ form, count }: { form: NetForm; count: number }): CaseResult {
  const nets = Array.from({ length: count }, (_, index) => netAt(index, form));
  const sets = Array.from({ length: Math.ceil(count / NETS_PER_SET) }, (_, index) =>
    networkSet(index, nets.slice(index * NETS_PER_SET, (index + 1) * NETS_PER_SET)),
  );
  const calculator = new PolicyCalculator({ host: HERE });
  const { first, statements } = sync(calculator, [...listedObjects(), ...sets]);
  const memory = maximumMemory();
  const oneMember = (round: number) => {
    const index = round % sets.length;
    const before = sets[index]!;
    const at = (round * 7919) % before.spec.nets.length;
    // Lists are parsed once: what is measured is the change.
    const after = { ...before, spec: { nets: before.spec.nets.with(at, netAt(count + round, form)) } };
    sets[index] = after;
    return after;
  };
  return { first, memory, statements, changes: measureChanges(calculator, { 'one member': oneMember }) };
}

function sync(calculator: PolicyCalculator, objects: Iterable<AnyObject>): { first: number; statements: number } {
  for (const object of objects) calculator.upsert(object);
  const start = performance.now();
  const { set } = calculator.flush();
  return { first: performance.now() - start, statements: set.size };
}

function measureChanges(calculator: PolicyCalculator, makers: Record<string, (round: number) => AnyObject>): Record<string, number[]> {
  const measured: Record<string, number[]> = {};
  for (const [name, make] of Object.entries(makers)) {
    const samples: number[] = [];
    for (let round = 0; round < WARM_UP + ROUNDS; round += 1) {
      const object = make(round);
      const start = performance.now();
      calculator.upsert(object);
      calculator.flush();
      if (round >= WARM_UP) samples.push(performance.now() - start);
    }
    measured[name] = samples;
  }
  return measured;
}

function maximumMemory(): number {
  return process.resourceUsage().maxRSS / 1024;
}
