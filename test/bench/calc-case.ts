/**
 * One case of bench:calc, in a process of its own so that memory is its own: `calc-case.ts CASE` as JSON, started by `fork`. Tells what the
 * first table took, then makes as many changes of a kind as it is asked for, so that two cases can be measured in turn.
 */

import { PolicyCalculator } from '@weir/policy';
import type { AnyObject } from '@weir/resources';
import {
  type ClusterSize,
  clusterObjects,
  endpointAt,
  equalNamespaceAt,
  equalNamespaces,
  HERE,
  LOCAL_ENDPOINTS,
  listedObjects,
  type NetForm,
  namespaceAt,
  netAt,
  networkSets,
  policyOfApp,
} from './calc-objects.ts';
import { PlainMaps } from './plain-maps.ts';

export type Case = { kind: 'cluster'; size: ClusterSize } | { kind: 'list'; form: NetForm; count: number };

export interface FirstTable {
  /** Milliseconds of the first flush, after everything was taken in. */
  milliseconds: number;
  /** MiB that the process had at most. */
  memory: number;
  statements: number;
  /** Kinds of changes that can be asked for. */
  kinds: string[];
}

export interface Turn {
  kind: string;
  rounds: number;
}

/** What it is like to know endpoints at all: peers for what grows with their number. */
const PLAIN_MAPS = { new: 'new endpoint elsewhere, put into plain maps', label: 'label that no rule names, elsewhere, in plain maps' };

/** What is measured, for another object each time: its milliseconds. */
type Change = (round: number) => number;

const given = JSON.parse(process.argv[2]!) as Case;
const { first, changes } = given.kind === 'cluster' ? clusterCase(given.size) : listCase(given);
const rounds = new Map<string, number>();

process.on('message', ({ kind, rounds: wanted }: Turn) => {
  const start = rounds.get(kind) ?? 0;
  rounds.set(kind, start + wanted);
  process.send!(Array.from({ length: wanted }, (_, index) => changes[kind]!(start + index)));
});
process.send!(first satisfies FirstTable);

interface Measured {
  first: FirstTable;
  changes: Record<string, Change>;
}

function clusterCase(size: ClusterSize): Measured {
  const calculator = new PolicyCalculator({ host: HERE });
  const { milliseconds, statements } = sync(calculator, clusterObjects(size));
  // What the objects themselves need is part of it, as it is in an agent.
  const memory = maximumMemory();
  const remote = (round: number) => LOCAL_ENDPOINTS + ((round * 37) % (size.endpoints - LOCAL_ENDPOINTS));
  const local = (round: number) => (round * 37) % LOCAL_ENDPOINTS;
  const makers: Record<string, (round: number) => AnyObject> = {
    'label of an endpoint elsewhere': (round) => endpointAt(remote(round), size, { app: `app-${round % LOCAL_ENDPOINTS}` }),
    'label that no rule names, elsewhere': (round) => endpointAt(remote(round), size, { build: `${round}` }),
    'label that no rule names, here': (round) => endpointAt(local(round), size, { build: `${round}` }),
    // There and back, so that each app here keeps its endpoint.
    'label of an endpoint here, by which policies select it': (round) =>
      endpointAt(local(round >> 1), size, round % 2 === 0 ? { app: `app-${(round * 7) % LOCAL_ENDPOINTS}` } : {}),
    'port of a policy of endpoints here': (round) => policyOfApp(local(round), 1024 + round),
    'port of any other policy': (round) => policyOfApp(LOCAL_ENDPOINTS + ((round * 37) % (size.policies - LOCAL_ENDPOINTS)), 1024 + round),
    'label of a namespace, that no rule names': (round) => namespaceAt(round % 10, { build: `${round}` }),
    // The first ten have endpoints, also in the smaller cluster; those here are in the first, and rules of theirs look for such a label.
    'label of a namespace of 330 endpoints, that rules name': (round) => equalNamespaceAt(round % 10, { team: `team-${round % 9}` }),
    'label of a namespace, that rules name': (round) => namespaceAt(1 + (round % 9), { team: `team-${round % 10}` }),
    // The last: so many more endpoints make the smaller cluster's sets large ones, and a policy that looks in them another change.
    'new endpoint elsewhere': (round) => endpointAt(size.endpoints + round, size),
  };
  sync(calculator, equalNamespaces());
  const plain = new PlainMaps();
  for (let index = 0; index < size.endpoints; index += 1) plain.put(endpointAt(index, size));
  const changes = {
    ...Object.fromEntries(Object.entries(makers).map(([kind, make]) => [kind, changing(calculator, make)])),
    [PLAIN_MAPS.label]: (round: number) => {
      const object = endpointAt(remote(round), size, { build: `${round}` });
      return timed(() => plain.relabel(object));
    },
    [PLAIN_MAPS.new]: (round: number) => {
      const object = endpointAt(size.endpoints + round, size);
      return timed(() => plain.put(object));
    },
  };
  return { first: { milliseconds, memory, statements, kinds: Object.keys(changes) }, changes };
}

function listCase({ form, count }: { form: NetForm; count: number }): Measured {
  const calculator = new PolicyCalculator({ host: HERE });
  const sets = networkSets({ form, count });
  const { milliseconds, statements } = sync(calculator, [...listedObjects(), ...sets]);
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
  return { first: { milliseconds, memory, statements, kinds: ['one member'] }, changes: { 'one member': changing(calculator, oneMember) } };
}

function sync(calculator: PolicyCalculator, objects: Iterable<AnyObject>): { milliseconds: number; statements: number } {
  for (const object of objects) calculator.upsert(object);
  const start = performance.now();
  const { set } = calculator.flush();
  return { milliseconds: performance.now() - start, statements: set.size };
}

function changing(calculator: PolicyCalculator, make: (round: number) => AnyObject): Change {
  return (round) => {
    const object = make(round);
    return timed(() => {
      calculator.upsert(object);
      calculator.flush();
    });
  };
}

function timed(action: () => void): number {
  const start = performance.now();
  action();
  return performance.now() - start;
}

function maximumMemory(): number {
  return process.resourceUsage().maxRSS / 1024;
}
