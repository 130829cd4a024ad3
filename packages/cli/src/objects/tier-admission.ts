/**
 * Which tiers policies may name.
 *
 * A policy is written on the condition that its tier is there, and a tier goes only when no policy names it. Where two people do both at
 * the same moment the policy's endpoints are closed until the tier is back, and `weir get policies -o wide` says so.
 */
import { StoreError } from '@weir/datastore';
import {
  type AnyObject,
  BUILT_IN_TIERS,
  checkTier,
  type GlobalPolicy,
  keyOf,
  keyPrefix,
  nearest,
  type Policy,
  serialize,
  type Tier,
  tierOf,
} from '@weir/resources';
import { CliError } from '../cli-error.ts';
import type { Precondition } from './precondition.ts';
import { referenceText } from './references.ts';
import type { Stores } from './stores.ts';

const TIERS = keyPrefix('Tier');

/** The names of all tiers, first those that are built in. What cannot be read is none. */
export async function readTiers({ objects }: Stores): Promise<Set<string>> {
  const { objects: tiers } = await objects.list('Tier');
  return new Set([...BUILT_IN_TIERS.keys(), ...tiers.map(({ object }) => object.metadata.name)]);
}

/**
 * What can be refused before anything of some objects is written: a tier that is built in, and a policy whose tier is neither there nor
 * among them.
 *
 * @returns throws for each such object: ValidationError, CliError EREFUSED
 */
export async function tierCheck(stores: Stores, objects: readonly AnyObject[]): Promise<(object: AnyObject) => void> {
  const coming = new Set([...BUILT_IN_TIERS.keys(), ...objects.flatMap(({ kind, metadata }) => (kind === 'Tier' ? metadata.name : []))]);
  const isAstray = (object: AnyObject, tiers: ReadonlySet<string>) => isPolicy(object) && !tiers.has(tierOf(object.spec));
  // Who writes policies may not be allowed to list tiers, and need not be.
  const tiers = objects.some((object) => isAstray(object, coming)) ? (await readTiers(stores)).union(coming) : coming;
  return (object) => {
    if (object.kind === 'Tier') checkTier(object);
    if (isPolicy(object) && isAstray(object, tiers)) throw noTier(object, tierOf(object.spec), tiers);
  };
}

function isPolicy(object: AnyObject): object is Policy | GlobalPolicy {
  return object.kind === 'Policy' || object.kind === 'GlobalPolicy';
}

/**
 * Writes a policy, on the condition that the stored one is at `revision`; 0: absent.
 * @throws CliError EREFUSED when there is no such tier; StoreError
 */
export async function putPolicy(stores: Stores, policy: Policy | GlobalPolicy, revision: number): Promise<void> {
  const tier = tierOf(policy.spec);
  const entry = BUILT_IN_TIERS.has(tier) ? undefined : await stores.store.get(`${TIERS}${tier}`);
  if (entry === undefined && !BUILT_IN_TIERS.has(tier)) throw noTier(policy, tier, await readTiers(stores));
  const key = keyOf(policy);
  const { committed } = await stores.store.transact({
    when: [{ key, revision }, ...(entry === undefined ? [] : [{ key: entry.key, revision: entry.revision }])],
    then: [{ put: key, value: serialize(policy) }],
  });
  if (!committed)
    throw new StoreError('ECONFLICT', `${referenceText(policy.kind, policy.metadata.name)} or its tier was changed meanwhile`);
}

function noTier({ kind, metadata }: Policy | GlobalPolicy, tier: string, tiers: ReadonlySet<string>): CliError {
  const meant = nearest(tier, tiers);
  const hint = meant === undefined ? `there are ${[...tiers].join(', ')}` : `did you mean "${meant}"?`;
  const where = metadata.namespace === undefined ? '' : ` in namespace ${metadata.namespace}`;
  return new CliError(
    'EREFUSED',
    `${referenceText(kind, metadata.name)}${where}: spec.tier: there is no tier "${tier}": ${hint}${meant === undefined ? ';' : ' Else'} apply a Tier of that name first`,
  );
}

/** @throws ValidationError for a tier that is built in; StoreError */
export async function putTier({ objects }: Stores, tier: Tier, revision: number): Promise<void> {
  checkTier(tier);
  await objects.put(tier, { revision });
}

/**
 * Whether there was such a tier.
 * @throws CliError EREFUSED while policies name it; StoreError
 */
export async function removeTier({ store, objects }: Stores, name: string, { revision }: Precondition = {}): Promise<boolean> {
  const entry = await store.get(`${TIERS}${name}`);
  if (entry === undefined) return false;
  const [policies, globalPolicies] = await Promise.all([objects.list('Policy'), objects.list('GlobalPolicy')]);
  const inside = [...globalPolicies.objects, ...policies.objects].filter(({ object }) => tierOf(object.spec) === name);
  if (inside.length > 0) {
    const { kind, metadata } = inside[0]!.object;
    const first = `${referenceText(kind, metadata.name)}${metadata.namespace === undefined ? '' : ` in namespace ${metadata.namespace}`}`;
    throw new CliError(
      'EREFUSED',
      `cannot delete ${referenceText('Tier', name)}: ${inside.length} ${inside.length === 1 ? 'policy is' : 'policies are'} in it, the first is ${first}: delete them, or move them to another tier`,
    );
  }
  return objects.remove('Tier', name, undefined, { revision: revision ?? entry.revision });
}
