/** One object into the store, or out of it: the rules that hold beside its schema. */
import type { Store } from '@weir/datastore';
import { type AnyObject, BGP_CONFIG_NAME, type BgpConfig, type Host, type Kind, keyOf, type ObjectId, serialize } from '@weir/resources';
import { CliError } from '../cli-error.ts';
import { isAgentPresent } from '../node/presence.ts';
import { withHostFacts } from './host-facts.ts';
import { notFound } from './not-found.ts';
import type { Precondition } from './precondition.ts';
import { referenceText } from './references.ts';
import { removeRemoteCluster } from './remove-remote-cluster.ts';
import type { Stores } from './stores.ts';
import { putPolicy, putTier, removeTier } from './tier-admission.ts';

export type WriteVerb = 'apply' | 'create' | 'replace';
export type WriteOutcome = 'created' | 'configured' | 'replaced' | 'unchanged';

/** Others write too; each try sees what they wrote. */
const MAX_TRIES = 5;

const MADE_BY_WEIR: Partial<Record<Kind, string>> = {
  Endpoint: 'endpoints are written by the CNI tools, as containers come and go; weir label changes their labels',
  RemoteEndpoint:
    'remote endpoints are written by the agent that reads the other cluster: change the endpoint there, with the weir of that cluster',
  Block: 'blocks are written by address management: make or change a Pool instead',
};

/**
 * Refuses what is not for people to write, or too big for any store, whatever the store holds.
 * @throws CliError EREFUSED
 */
export function checkWritable(object: AnyObject, verb: WriteVerb): void {
  const { kind, metadata } = object;
  checkSize(object);
  const reason = MADE_BY_WEIR[kind];
  if (reason !== undefined) throw new CliError('EREFUSED', `cannot ${verb} ${referenceText(kind, metadata.name)}: ${reason}`);
}

/**
 * Writes the object as the verb says: `create` wants it absent, `replace` present, `apply` takes both and leaves alone what is as wanted.
 * @throws CliError EEXISTS, ENOTFOUND, ECHANGED, EREFUSED; IpamError for a pool that does not fit; StoreError
 */
export async function writeObject(
  stores: Stores,
  given: AnyObject,
  verb: WriteVerb,
  { revision }: Precondition = {},
): Promise<WriteOutcome> {
  checkWritable(given, verb);
  return retryConflicts(given, async () => {
    const stored = await readStored(stores, given);
    checkRevision(given, revision, stored?.revision ?? 0);
    checkPresence(given, verb, stored !== undefined);
    const object = given.kind === 'Host' ? withHostFacts(given, stored as { object?: Host } | undefined) : given;
    const wanted = stored?.object?.status === undefined ? object : { ...object, status: stored.object.status };
    if (verb === 'apply' && stored?.object !== undefined && serialize(stored.object) === serialize(wanted)) return 'unchanged';
    await put(stores, wanted, stored?.revision ?? 0);
    if (stored === undefined) return 'created';
    return verb === 'replace' ? 'replaced' : 'configured';
  });
}

/** Without its object when what is stored is not valid: written by another version, or by hand. To write over it is how it is repaired. */
async function readStored({ store, objects }: Stores, object: AnyObject): Promise<{ object?: AnyObject; revision: number } | undefined> {
  const { kind, metadata } = object;
  try {
    return (await objects.get(kind, metadata.name, metadata.namespace)) as { object: AnyObject; revision: number } | undefined;
  } catch (error) {
    const { name, code } = error as { name?: unknown; code?: unknown };
    // No valid object, or not even JSON.
    if (name !== 'ValidationError' && !(name === 'StoreError' && code === 'EINVAL')) throw error;
    const entry = await store.get(keyOf(object));
    return entry && { revision: entry.revision };
  }
}

/** On the condition that the stored object is still at `revision`; 0: absent. */
export async function put(stores: Stores, object: AnyObject, revision: number): Promise<void> {
  const { store, objects } = stores;
  switch (object.kind) {
    case 'Policy':
    case 'GlobalPolicy':
      return putPolicy(stores, object, revision);
    case 'Tier':
      return putTier(stores, object, revision);
    case 'Pool':
      return void (await (await ipam()).admitPool(store, object, { revision }));
    case 'Reservation':
    case 'IpamConfig':
      return void (await (await ipam()).admitRule(store, object, { revision }));
    case 'Network':
      return void (await (await ipam()).admitNetwork(store, object, { revision }));
    case 'Claim':
      return void (await (await ipam()).admitClaim(store, object, { revision }));
    case 'Service':
      return void (await (await ipam()).admitService(store, object, { revision }));
    case 'RemoteCluster':
      return void (await (await ipam()).admitRemoteCluster(store, object, { revision }));
    case 'RemoteEndpoint': // its labels are the other cluster's, too
      return checkWritable(object, 'apply');
    case 'BgpConfig':
      checkName(object);
      await objects.put(object, { revision });
      return;
    case 'NetworkSet':
    case 'GlobalNetworkSet':
      checkSize(object); // labels are part of it, and are changed without the above
      await objects.put(object, { revision });
      return;
    default:
      await objects.put(object, { revision });
  }
}

function checkName({ kind, metadata: { name } }: BgpConfig): void {
  if (name === BGP_CONFIG_NAME) return;
  throw new CliError(
    'EREFUSED',
    `cannot write ${referenceText(kind, name)}: there is one for the whole cluster, named "${BGP_CONFIG_NAME}"`,
  );
}

/** etcd takes no request of more than 1.5 MiB (--max-request-bytes); what is too big for it is so everywhere, so that stores can be changed. */
const MOST_BYTES = 1.4 * 1024 * 1024;

function checkSize(object: AnyObject): void {
  const bytes = Buffer.byteLength(serialize(object));
  if (bytes <= MOST_BYTES) return;
  const parts = Math.ceil(bytes / MOST_BYTES);
  const what =
    object.kind === 'NetworkSet' || object.kind === 'GlobalNetworkSet'
      ? `${object.spec.nets.length} CIDRs, more than the store takes in one object: spread them over ${parts} sets or more with the same labels`
      : `${(bytes / 1e6).toFixed(1)} MB, more than the store takes in one object: write it as ${parts} or more, or name addresses by a NetworkSet`;
  throw new CliError('EREFUSED', `${referenceText(object.kind, object.metadata.name)} has ${what}`);
}

/**
 * Takes the object out of the store.
 * @throws CliError ENOTFOUND, ECHANGED, EREFUSED; IpamError EINUSE for a pool with addresses in use; StoreError
 */
export async function deleteObject({ store, objects }: Stores, id: ObjectId, { revision }: Precondition = {}): Promise<void> {
  if (id.kind === 'Block') {
    throw new CliError(
      'EREFUSED',
      `cannot delete ${referenceText(id.kind, id.name)}: its addresses could be given out twice; delete its Pool, once none is in use`,
    );
  }
  if (id.kind === 'RemoteEndpoint') {
    throw new CliError(
      'EREFUSED',
      `cannot delete ${referenceText(id.kind, id.name)}: it is as its own cluster has it; delete its RemoteCluster, and all of that cluster's go`,
    );
  }
  if (revision !== undefined) await checkStored(store, id, revision);
  try {
    if (!(await remove({ store, objects }, id, { revision }))) throw notFound(id);
  } catch (error) {
    // Changed since it was looked at: the answer is the same.
    if (revision !== undefined && (error as { code?: unknown }).code === 'ECONFLICT') await checkStored(store, id, revision);
    throw error;
  }
}

async function checkStored(store: Store, id: ObjectId, revision: number): Promise<void> {
  const stored = await store.get(keyOf({ kind: id.kind, metadata: id }));
  if (stored === undefined) throw notFound(id);
  checkRevision({ kind: id.kind, metadata: id }, revision, stored.revision);
}

/** Whether there was such an object. With a revision, it goes at that one or not at all. */
async function remove({ store, objects }: Stores, id: ObjectId, at: Precondition): Promise<boolean> {
  const { kind, name, namespace } = id;
  switch (kind) {
    case 'Pool':
      if ((await store.get(keyOf({ kind, metadata: id }))) === undefined) return false;
      await (await ipam()).removePool(store, name, at);
      return true;
    case 'Reservation':
    case 'IpamConfig':
      return (await ipam()).removeRule(store, { kind, metadata: { name, labels: {}, annotations: {} } }, at);
    case 'Network':
      return (await ipam()).removeNetwork(store, name, at);
    case 'Tier':
      return removeTier({ store, objects }, name, at);
    case 'Claim':
      return (await ipam()).removeClaim(store, `${namespace}/${name}`, at);
    case 'Service':
      return (await ipam()).removeService(store, { namespace: namespace!, name }, at);
    case 'RemoteCluster':
      return removeRemoteCluster({ store, objects }, name, at);
    default:
      await refuseUnderAgent({ store, objects }, id);
      return objects.remove(kind, name, namespace, at.revision === undefined ? {} : { revision: at.revision });
  }
}

/** Loaded when it is needed: most commands are not about addresses. */
const ipam = () => import('@weir/ipam');

/** What a running agent stands for is not taken from under it: an endpoint goes with its container, a host when its agent has stopped. */
async function refuseUnderAgent({ store }: Stores, id: ObjectId): Promise<void> {
  const { kind, name } = id;
  if (kind !== 'Endpoint' && kind !== 'Host') return;
  const host = kind === 'Host' ? name : await hostOf(store, id);
  if (host === undefined || !(await isAgentPresent(store, host))) return;
  const advice = kind === 'Host' ? 'stop it first' : 'it takes the endpoint away when the container goes';
  throw new CliError('EREFUSED', `cannot delete ${referenceText(kind, name)} while the agent of ${host} is running: ${advice}`);
}

/** Of an endpoint, which may be one that cannot be read; undefined where it does not say. */
async function hostOf(store: Store, id: ObjectId): Promise<string | undefined> {
  const entry = await store.get(keyOf({ kind: id.kind, metadata: id }));
  try {
    const { spec } = JSON.parse(entry?.value ?? '{}') as { spec?: { host?: unknown } };
    return typeof spec?.host === 'string' ? spec.host : undefined;
  } catch {
    return undefined; // no JSON
  }
}

/** Does the work again when others changed the object between its reading and writing. */
export async function retryConflicts<T>(object: { kind: Kind; metadata: { name: string } }, attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ECONFLICT') throw error;
      if (tries === MAX_TRIES) {
        const reference = referenceText(object.kind, object.metadata.name);
        throw new CliError('EREFUSED', `others kept changing ${reference}, ${MAX_TRIES} times in a row: try again`, { cause: error });
      }
    }
  }
}

function checkRevision({ kind, metadata }: { kind: Kind; metadata: { name: string } }, wanted: number | undefined, found: number): void {
  if (wanted === undefined || wanted === found) return;
  const [was, is] = [wanted, found].map((revision) => (revision === 0 ? 'absent' : `at revision ${revision}`));
  throw new CliError(
    'ECHANGED',
    `${referenceText(kind, metadata.name)} was to be ${was} and is ${is}: read it again and repeat the change on that`,
  );
}

function checkPresence(object: AnyObject, verb: WriteVerb, present: boolean): void {
  const { kind, metadata } = object;
  if (verb === 'create' && present) {
    throw new CliError('EEXISTS', `${referenceText(kind, metadata.name)} exists already: weir apply or replace changes it`);
  }
  if (verb === 'replace' && !present) {
    throw new CliError('ENOTFOUND', `${notFound({ kind, ...metadata }).message}: weir apply or create makes it`);
  }
}
