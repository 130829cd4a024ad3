/** Tiers are asked before and behind those of all namespaces: whose token is for some namespaces has the default one alone. */
import {
  type AnyObject,
  DEFAULT_TIER,
  type Kind,
  type ObjectId,
  type Policy,
  type PolicySpec,
  tierOf,
  ValidationError,
} from '@weir/resources';
import type { FastifyRequest } from 'fastify';
import type { Stores } from '../objects/stores.ts';
import { RequestError } from './problem.ts';

/**
 * Looks at what is to be written, and at what is there and would be written over or deleted.
 *
 * @throws RequestError EFORBIDDEN
 */
export async function authorizeTier(
  { access }: FastifyRequest,
  { objects }: Stores,
  wanted: AnyObject | { kind: Kind; metadata: ObjectId },
): Promise<void> {
  if (access?.namespaces === undefined || wanted.kind !== 'Policy') return;
  const { name, namespace } = wanted.metadata;
  const specs: (PolicySpec | undefined)[] = ['spec' in wanted ? wanted.spec : undefined, await storedSpec(objects, name, namespace)];
  const tier = specs.flatMap((spec) => (spec === undefined ? [] : [tierOf(spec)])).find((one) => one !== DEFAULT_TIER);
  if (tier === undefined) return;
  throw new RequestError(
    'EFORBIDDEN',
    `the token of ${access.name} is for ${access.namespaces.join(', ')}, and policies of tier ${tier} are for who may write everywhere: leave spec.tier out`,
  );
}

/** Undefined also for what cannot be read: to write over it is how it is repaired. */
async function storedSpec(objects: Stores['objects'], name: string, namespace: string | undefined): Promise<PolicySpec | undefined> {
  try {
    return ((await objects.get('Policy', name, namespace))?.object as Policy | undefined)?.spec;
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    return undefined;
  }
}
