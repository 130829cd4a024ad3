/** Everything that policy depends on, as of one moment: in the shared address space, since elsewhere an address is somebody else's. */
import { PolicyCalculator, unreadableHostEndpoint } from '@weir/policy';
import { type AnyObject, type Endpoint, type Kind, keyOf, type ObjectId, parseKey, spaceOf } from '@weir/resources';
import { flanneldHosts, presentAgents } from '../node/presence.ts';
import type { Stores } from '../objects/stores.ts';

export interface PolicyState {
  /** By key; for a HostEndpoint that cannot be read what stands for it. */
  objects: ReadonlyMap<string, AnyObject>;
  /** What is there and cannot be read. */
  invalid: readonly { id: ObjectId; value: unknown }[];
  /** Those whose agent has found a flanneld there; absent: none. */
  flanneldHosts?: ReadonlySet<string>;
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
  'HostEndpoint',
  'Service',
  'RemoteCluster',
  'RemoteEndpoint',
];

export async function readPolicyState(stores: Stores): Promise<PolicyState> {
  const [agents, ...lists] = await Promise.all([presentAgents(stores.store), ...KINDS.map((kind) => stores.objects.list(kind))]);
  const objects = lists.flatMap((list) => list.objects.map(({ object }) => object as AnyObject)).filter(isShared);
  const invalid = lists.flatMap((list) =>
    list.invalid.flatMap(({ key, value }) => {
      const id = parseKey(key);
      return id === undefined ? [] : [{ id, value }];
    }),
  );
  // They close their hosts, so whoever asks what is on a flow's way has to find them.
  const closed = invalid.flatMap(({ id, value }) => (id.kind === 'HostEndpoint' ? [unreadableHostEndpoint(id, value).standIn] : []));
  return {
    objects: new Map([...objects, ...closed].map((object) => [keyOf(object), object])),
    invalid,
    flanneldHosts: flanneldHosts(agents),
  };
}

/** Whether policy depends on it, in the shared address space. */
export function isOfPolicyState(object: AnyObject): boolean {
  return KINDS.includes(object.kind) && isShared(object);
}

function isShared(object: AnyObject): boolean {
  switch (object.kind) {
    case 'Endpoint':
      return spaceOf(object.spec) === undefined;
    case 'Pool':
    case 'Block':
      return object.spec.network === undefined;
    default:
      return true;
  }
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
