/** Everything that policy depends on, as of one moment. */
import { PolicyCalculator } from '@weir/policy';
import { type AnyObject, type Endpoint, type Kind, keyOf, type ObjectId, parseKey } from '@weir/resources';
import type { Stores } from '../write-object.ts';

export interface PolicyState {
  /** By key. */
  objects: ReadonlyMap<string, AnyObject>;
  /** What is there and cannot be read. */
  invalid: readonly { id: ObjectId; value: unknown }[];
}

const KINDS: readonly Kind[] = [
  'Tier',
  'Namespace',
  'Policy',
  'GlobalPolicy',
  'NetworkSet',
  'GlobalNetworkSet',
  'Pool',
  'Host',
  'Block',
  'Endpoint',
];

export async function readPolicyState({ objects }: Stores): Promise<PolicyState> {
  const lists = await Promise.all(KINDS.map((kind) => objects.list(kind)));
  return {
    objects: new Map(lists.flatMap((list) => list.objects.map(({ object }) => [keyOf(object), object as AnyObject]))),
    invalid: lists.flatMap((list) =>
      list.invalid.flatMap(({ key, value }) => {
        const id = parseKey(key);
        return id === undefined ? [] : [{ id, value }];
      }),
    ),
  };
}

/** Judges the endpoints of all hosts, as their agents do. */
export function calculatorOf({ objects, invalid }: PolicyState): PolicyCalculator {
  const calculator = new PolicyCalculator();
  for (const object of objects.values()) calculator.upsert(object);
  for (const { id, value } of invalid) calculator.upsertInvalid(id, value);
  return calculator;
}

export function objectsOf<K extends Kind>({ objects }: PolicyState, kind: K): Extract<AnyObject, { kind: K }>[] {
  return [...objects.values()].filter((object): object is Extract<AnyObject, { kind: K }> => object.kind === kind);
}

export function endpointsOf(state: PolicyState): Endpoint[] {
  return objectsOf(state, 'Endpoint');
}
