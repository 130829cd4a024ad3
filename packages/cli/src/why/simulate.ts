/** The state that policy depends on as a change of objects would make it, before anybody makes it. */
import { type Entry, ObjectStore, parseEntry, Rehearsal } from '@weir/datastore';
import { type AnyObject, keyOf, parseKey } from '@weir/resources';
import type { Document } from '../objects/documents.ts';
import type { Stores } from '../objects/stores.ts';
import { checkDocuments, deleteTargets, targetOf, writeDocuments } from '../objects/write-documents.ts';
import { isOfPolicyState, type PolicyState } from './policy-state.ts';

export type Written = ReadonlyMap<string, Entry | undefined>;

/**
 * What `weir apply` or `weir delete` of the documents would write, by key; undefined: would delete. The store is only read.
 * @throws what these commands would fail with
 */
export async function rehearse({ store }: Stores, documents: readonly Document[], verb: 'apply' | 'delete'): Promise<Written> {
  const rehearsal = new Rehearsal(store);
  const stores = { store: rehearsal, objects: new ObjectStore(rehearsal) };
  if (verb === 'apply') {
    await checkDocuments(documents, verb);
    await writeDocuments(stores, documents, verb, () => {});
  } else await deleteTargets(stores, documents.map(targetOf), {}, () => {});
  return rehearsal.written;
}

/** The state with what was written to the store since; what policy does not depend on changes nothing. */
export function changedState({ objects, invalid, ...rest }: PolicyState, written: Written): PolicyState {
  const changed = new Map<string, AnyObject>(objects);
  for (const [key, entry] of written) {
    if (parseKey(key) === undefined) continue; // a guard, or another thing beside the objects
    changed.delete(key);
    const object = entry && parseEntry(entry);
    if (object !== undefined && isOfPolicyState(object)) changed.set(key, object);
  }
  return { ...rest, objects: changed, invalid: invalid.filter(({ id: { kind, ...metadata } }) => !written.has(keyOf({ kind, metadata }))) };
}
