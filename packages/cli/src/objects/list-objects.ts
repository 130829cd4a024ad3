import type { InvalidObject, Versioned } from '@weir/datastore';
import { type Block, type Kind, matches, type ObjectOf } from '@weir/resources';
import { compareAddresses } from '../output/address-order.ts';
import { parseLabelSelector } from './label-selector.ts';
import type { Stores } from './stores.ts';

export interface ListOptions {
  /** Of cluster-wide kinds it is ignored. Absent: all namespaces. */
  namespace?: string | undefined;
  /** As `-l` gives it. */
  selector?: string | undefined;
}

/**
 * Objects of a kind in the order of their keys; blocks in that of their addresses. What is stored but is no valid object is told on stderr: the rest can be looked at still.
 * @throws SelectorError, StoreError
 */
export async function listObjects<K extends Kind>(stores: Stores, kind: K, options: ListOptions): Promise<ObjectOf<K>[]> {
  const { objects, invalid } = await listStored(stores, kind, options);
  for (const { error } of invalid) process.stderr.write(unreadableText(error));
  return objects;
}

/** Its key is in the message. What agents make of it is on the page on policy. */
export function unreadableText(error: Error): string {
  return `warning: left out here, since it cannot be read: ${error.message}\n`;
}

/** As {@link listObjects}, with what is no valid object: its labels are not known, so it is there whatever the selector. */
export async function listStored<K extends Kind>(
  { objects }: Stores,
  kind: K,
  { namespace, selector }: ListOptions,
): Promise<{ objects: ObjectOf<K>[]; invalid: InvalidObject[] }> {
  const listed = await listVersioned({ objects }, kind, { namespace, selector });
  const found = listed.objects.map(({ object }) => object);
  return { objects: kind === 'Block' ? (byAddress(found as Block[]) as ObjectOf<K>[]) : found, invalid: listed.invalid };
}

/** In the order of their keys, with the revision that wrote each, and that of the whole list. */
export async function listVersioned<K extends Kind>(
  { objects }: Pick<Stores, 'objects'>,
  kind: K,
  { namespace, selector }: ListOptions,
): Promise<{ objects: Versioned<ObjectOf<K>>[]; invalid: InvalidObject[]; revision: number }> {
  const wanted = parseLabelSelector(selector ?? '');
  const listed = await objects.list(kind, namespace);
  return { ...listed, objects: listed.objects.filter(({ object }) => matches(wanted, object.metadata.labels)) };
}

/** Their names, which the keys end in, are addresses as text: of no use as an order. */
function byAddress(blocks: Block[]): Block[] {
  return blocks.sort((left, right) => compareAddresses(left.spec.cidr, right.spec.cidr));
}
