/**
 * Calico's kinds of projectcalico.org/v3 that say the same here as there, field by field, in the same selector language: policies, network sets
 * and tiers. What Weir has not got (`serviceAccountSelector`, `http`, `doNotTrack` …) is refused as any unknown field is.
 */
import { withoutServerFields } from '../kubernetes/server-metadata.ts';
import { API_VERSION } from '../object.ts';
import { show, ValidationError } from '../validation/validation-error.ts';

const CALICO_API_VERSION = 'projectcalico.org/v3';

const KINDS: ReadonlyMap<unknown, string> = new Map([
  ['NetworkPolicy', 'Policy'],
  ['GlobalNetworkPolicy', 'GlobalPolicy'],
  ['NetworkSet', 'NetworkSet'],
  ['GlobalNetworkSet', 'GlobalNetworkSet'],
  ['Tier', 'Tier'],
]);

export interface CalicoObject {
  apiVersion: typeof CALICO_API_VERSION;
  kind: string;
}

export function isCalico(value: unknown): value is CalicoObject {
  return typeof value === 'object' && value !== null && (value as { apiVersion?: unknown }).apiVersion === CALICO_API_VERSION;
}

/** A list as `calicoctl get -o yaml` prints it: `GlobalNetworkPolicyList`. */
export function isCalicoList(value: unknown): value is CalicoObject & { items?: unknown } {
  return isCalico(value) && /[a-z]List$/.test(String(value.kind));
}

/** The object in Weir's form, to be checked still. @throws ValidationError for a kind that has to be written anew */
export function fromCalico(value: CalicoObject): object {
  const kind = KINDS.get(value.kind);
  if (kind === undefined) {
    const message = `${show(value.kind)} of ${CALICO_API_VERSION} is not taken as it is: expected ${[...KINDS.keys()].join(', ')}; others are written anew, see docs/from-calico.md`;
    throw new ValidationError([{ path: 'kind', value: value.kind, message }]);
  }
  return { ...(withoutServerFields(value) as object), apiVersion: API_VERSION, kind };
}
