import type { AnyObject, ObjectId } from '@weir/resources';
import { builtInTiers } from './built-in-tiers.ts';
import { impliedNamespace, namespacesInUse } from './implied-namespaces.ts';
import type { Stores } from './stores.ts';

/**
 * The object of that name, to be looked at: a stored one, a tier that is built in, or a namespace that is there since something is in it.
 * @throws ValidationError for what is stored and no valid object
 */
export async function findObject(stores: Stores, { kind, name, namespace }: ObjectId): Promise<AnyObject | undefined> {
  const builtIn = kind === 'Tier' ? builtInTiers.find(({ metadata }) => metadata.name === name) : undefined;
  if (builtIn !== undefined) return builtIn;
  const stored = await stores.objects.get(kind, name, namespace);
  if (stored !== undefined) return stored.object as AnyObject;
  return kind === 'Namespace' && (await namespacesInUse(stores)).includes(name) ? impliedNamespace(name) : undefined;
}
