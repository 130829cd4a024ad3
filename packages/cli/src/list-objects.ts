import { type Block, type Kind, matches, type ObjectOf } from '@weir/resources';
import { compareAddresses } from './address-order.ts';
import { parseLabelSelector } from './label-selector.ts';
import type { Stores } from './write-object.ts';

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
export async function listObjects<K extends Kind>(
  { objects }: Stores,
  kind: K,
  { namespace, selector }: ListOptions,
): Promise<ObjectOf<K>[]> {
  const wanted = parseLabelSelector(selector ?? '');
  const listed = await objects.list(kind, namespace);
  for (const { key, error } of listed.invalid) process.stderr.write(`warning: ${key} is left out: ${error.message}\n`);
  const found = listed.objects.map(({ object }) => object).filter(({ metadata }) => matches(wanted, metadata.labels));
  return kind === 'Block' ? (byAddress(found as Block[]) as ObjectOf<K>[]) : found;
}

/** Their names, which the keys end in, are addresses as text: of no use as an order. */
function byAddress(blocks: Block[]): Block[] {
  return blocks.sort((left, right) => compareAddresses(left.spec.cidr, right.spec.cidr));
}
