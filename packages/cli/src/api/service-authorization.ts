/** A virtual address takes what all hosts and containers send there: whose token is for some namespaces has the service ranges for that. */
import { type AnyObject, cidrContains, DEFAULT_IPAM_CONFIG, IPAM_CONFIG_NAME, serviceAddresses } from '@weir/resources';
import type { FastifyRequest } from 'fastify';
import type { Stores } from '../objects/stores.ts';
import { RequestError } from './problem.ts';

/**
 * Lets a service keep what somebody else let it have.
 *
 * @throws RequestError EFORBIDDEN
 */
export async function authorizeAddresses({ access }: FastifyRequest, { objects }: Stores, wanted: AnyObject): Promise<void> {
  if (access?.namespaces === undefined || wanted.kind !== 'Service' || wanted.spec.addresses === undefined) return;
  const { name, namespace } = wanted.metadata;
  const { serviceRanges } = (await objects.get('IpamConfig', IPAM_CONFIG_NAME))?.object.spec ?? DEFAULT_IPAM_CONFIG;
  const isFree = (address: string) => serviceRanges.some((range) => cidrContains(range, address));
  const others = wanted.spec.addresses.filter((address) => !isFree(address));
  if (others.length === 0) return;
  const held = serviceAddresses((await objects.get('Service', name, namespace))?.object ?? {});
  const other = others.find((address) => !held.includes(address));
  if (other === undefined) return;
  throw new RequestError(
    'EFORBIDDEN',
    `the token of ${access.name} is for ${access.namespaces.join(', ')}, and ${other} is outside of the service ranges, which is for who may write everywhere: leave spec.addresses out`,
  );
}
