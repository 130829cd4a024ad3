/** The objects that labels of apps ask for, in the store. Only what carries the owner's label is ever changed. */
import { type ObjectStore, type Store, StoreError, type Versioned } from '@weir/datastore';
import { admitClaim, admitService, IpamError, removeClaim, removeService } from '@weir/ipam';
import { ERROR_ANNOTATION, OWNER, OWNER_LABEL } from '@weir/mesos';
import { type Claim, keyPrefix, type Policy, parseKey, type Service, serialize, ValidationError } from '@weir/resources';

export type AppObject = Policy | Claim | Service;

function isOwned({ metadata }: AppObject): boolean {
  return metadata.labels[OWNER_LABEL] === OWNER;
}

export interface Stores {
  store: Store;
  objects: ObjectStore;
}

/** What was made of labels, or may have been, as it is stored, by key: a cluster's objects are many, and most of them are as they were. */
export async function ownedTexts(store: Store): Promise<Map<string, string>> {
  const lists = await Promise.all((['Policy', 'Claim', 'Service'] as const).map((kind) => store.list(keyPrefix(kind))));
  const owned = lists.flatMap(({ entries }) => entries.filter(({ value }) => value.includes(OWNER_TEXT)));
  return new Map(owned.map(({ key, value }) => [key, value]));
}

const OWNER_TEXT = JSON.stringify({ [OWNER_LABEL]: OWNER }).slice(1, -1);

/** Whether an object is stored as it is wanted; its status is whoever measures it. */
export function isText(text: string, wanted: AppObject): boolean {
  if (text === serialize(wanted)) return true;
  // Only what is measured has a status, and only its text is worth parsing.
  if (!text.includes('"status":')) return false;
  try {
    const { status: _, ...rest } = JSON.parse(text) as Record<string, unknown>;
    return JSON.stringify(rest) === serialize({ ...wanted, status: undefined });
  } catch {
    return false; // no JSON: whoever writes in its place tells of it
  }
}

/** @param key as of `ownedTexts`. @returns undefined when it is gone, somebody's own, or no valid object */
export async function readOwned({ objects }: Stores, key: string): Promise<AppObject | undefined> {
  const id = parseKey(key);
  if (id === undefined) return undefined;
  try {
    const found = (await objects.get(id.kind as AppObject['kind'], id.name, id.namespace))?.object as AppObject | undefined;
    return found !== undefined && isOwned(found) ? found : undefined;
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return undefined;
  }
}

/** What is stored is no object of Weir's. */
export function isUnreadable(error: unknown): boolean {
  return error instanceof ValidationError || (error instanceof StoreError && error.code === 'EINVAL');
}

/**
 * Brings one object in the store. Throws StoreError, and IpamError for a service that cannot have its address. A policy whose label cannot be read any more stays in its last readable form, and a claim that holds
 * addresses goes on as it is.
 *
 * @returns the object that is there then, with its revision; undefined when somebody else's stands in the way
 */
export async function putOwned({ store, objects }: Stores, wanted: AppObject): Promise<Versioned<AppObject> | undefined> {
  const known = await read(objects, wanted);
  if (known !== undefined && !isOwned(known.object)) return undefined;
  if (known !== undefined && (isSame(known.object, wanted) || isBroken(wanted))) return known;
  const revision = known?.revision ?? 0;
  try {
    if (wanted.kind === 'Service') return await admitService(store, wanted, { revision });
    const written = wanted.kind === 'Claim' ? await admitClaim(store, wanted, { revision }) : await objects.put(wanted, { revision });
    return { object: wanted, revision: written };
  } catch (error) {
    // Somebody was faster, or containers live by it: what is there counts, and the next look sees it.
    if ((error instanceof StoreError || error instanceof IpamError) && KEEP.has(error.code)) return read(objects, wanted);
    throw error;
  }
}

const KEEP = new Set<string>(['ECONFLICT', 'EINUSE']);

/** Removes it if it is still owned. Throws ECONFLICT when somebody changes it in this moment. */
export async function removeOwned({ store, objects }: Stores, object: AppObject): Promise<void> {
  const { name, namespace } = object.metadata;
  const known = await read(objects, object);
  if (known === undefined || !isOwned(known.object)) return;
  if (object.kind === 'Service') await removeService(store, { namespace: namespace!, name });
  else if (object.kind === 'Claim') await removeClaim(store, `${namespace}/${name}`);
  else await objects.remove(object.kind, name, namespace, { revision: known.revision });
}

async function read(objects: ObjectStore, { kind, metadata }: AppObject): Promise<Versioned<AppObject> | undefined> {
  return objects.get(kind, metadata.name, metadata.namespace) as Promise<Versioned<AppObject> | undefined>;
}

function isBroken({ kind, metadata }: AppObject): boolean {
  return kind === 'Policy' && metadata.annotations[ERROR_ANNOTATION] !== undefined;
}

/** The status is whoever measures it. */
function isSame(known: AppObject, wanted: AppObject): boolean {
  return serialize({ ...known, status: undefined }) === serialize({ ...wanted, status: undefined });
}
