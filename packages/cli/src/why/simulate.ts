/** What a change of objects would let through or cut, before anybody makes it. */
import { type AnyObject, BUILT_IN_TIERS, checkTier, type Host, keyOf, tierOf } from '@weir/resources';
import { CliError } from '../cli-error.ts';
import { withHostFacts } from '../objects/host-facts.ts';
import { referenceText } from '../objects/references.ts';
import { checkWritable } from '../objects/write-object.ts';
import { objectsOf, type PolicyState } from './policy-state.ts';

/**
 * The state with objects put in, or taken out.
 *
 * @throws CliError EREFUSED, ValidationError for what policy does not depend on, or what `weir apply` would refuse; CliError ENOTFOUND for what is to be deleted and is not there
 */
export function changedState(state: PolicyState, changes: readonly AnyObject[], verb: 'apply' | 'delete'): PolicyState {
  const objects = new Map(state.objects);
  const touched = new Set(changes.map(keyOf));
  for (const object of changes) {
    const reference = referenceText(object.kind, object.metadata.name);
    if (!CHANGEABLE.includes(object.kind))
      throw new CliError('EREFUSED', `${reference}: policy does not depend on it: give ${CHANGEABLE.join(', ')}`);
    const key = keyOf(object);
    if (verb === 'apply') {
      objects.set(key, asApplied(object, state, key));
    } else if (!objects.delete(key) && !state.invalid.some(({ id }) => isOf(id, object)))
      throw new CliError('ENOTFOUND', `${reference} is not there`);
  }
  const after = { objects, invalid: state.invalid.filter(({ id }) => !touched.has(keyOfId(id))) };
  checkTiers(changes, after, verb);
  return after;
}

function asApplied(object: AnyObject, state: PolicyState, key: string): AnyObject {
  checkWritable(object, 'apply');
  if (object.kind === 'Tier') checkTier(object);
  if (object.kind !== 'Host') return object;
  const present = state.objects.get(key) as Host | undefined;
  const isUnreadable = state.invalid.some(({ id }) => isOf(id, object));
  return withHostFacts(object, present === undefined && !isUnreadable ? undefined : { object: present });
}

const CHANGEABLE: readonly string[] = [
  'Policy',
  'GlobalPolicy',
  'Tier',
  'Namespace',
  'NetworkSet',
  'GlobalNetworkSet',
  'Service',
  'Pool',
  'Host',
  'HostEndpoint',
];

type Id = PolicyState['invalid'][number]['id'];

function keyOfId({ kind, ...metadata }: Id): string {
  return keyOf({ kind, metadata });
}

function isOf(id: Id, object: AnyObject): boolean {
  return keyOfId(id) === keyOf(object);
}

function checkTiers(changes: readonly AnyObject[], after: PolicyState, verb: 'apply' | 'delete'): void {
  const tiers = new Set([...BUILT_IN_TIERS.keys(), ...objectsOf(after, 'Tier').map(({ metadata }) => metadata.name)]);
  const policies = verb === 'apply' ? changes : [...after.objects.values()];
  for (const object of policies) {
    if ((object.kind !== 'Policy' && object.kind !== 'GlobalPolicy') || tiers.has(tierOf(object.spec))) continue;
    throw new CliError(
      'EREFUSED',
      `${referenceText(object.kind, object.metadata.name)}: spec.tier: there would be no tier ${JSON.stringify(tierOf(object.spec))}`,
    );
  }
}
