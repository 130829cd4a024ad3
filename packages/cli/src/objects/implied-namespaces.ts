/** Namespaces are there as soon as something is in them. Without an object of their own they have the defaults, and no place in the store. */
import { API_VERSION, KINDS, keyPrefix, type Namespace, parseKey, parseObject } from '@weir/resources';
import type { Stores } from './stores.ts';

export function impliedNamespace(name: string): Namespace {
  return parseObject({ apiVersion: API_VERSION, kind: 'Namespace', metadata: { name } }) as Namespace;
}

/** Names of those that some object is in, in order. */
export async function namespacesInUse({ store }: Pick<Stores, 'store'>): Promise<string[]> {
  const lists = await Promise.all(
    KINDS.filter(({ namespaced }) => namespaced).map(({ kind }) => store.list(keyPrefix(kind), { keysOnly: true })),
  );
  const names = lists.flatMap(({ entries }) => entries.flatMap(({ key }) => parseKey(key)?.namespace ?? []));
  return [...new Set(names)].sort();
}

/** Those with an object, and those without, by name. One whose object cannot be read is none of both: it is closed. */
export async function withImplied(stores: Pick<Stores, 'store'>, listed: readonly Namespace[]): Promise<Namespace[]> {
  const { entries } = await stores.store.list(keyPrefix('Namespace'), { keysOnly: true });
  const stored = new Set(entries.map(({ key }) => parseKey(key)?.name));
  const implied = (await namespacesInUse(stores)).filter((name) => !stored.has(name)).map(impliedNamespace);
  return [...listed, ...implied].sort((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1));
}
