/** Which routes a host needs for its own processes to reach virtual addresses of services. Pure. */
import { cidrContains, familyOf, type Service, serviceAddresses } from '@weir/resources';
import { ROUTE_PROTOCOL } from '../addresses.ts';
import { type BlockRoute, LAST_RESORT } from './routes.ts';

/**
 * A route to each service range that a service has an address of, by the link that the host's own address of the family is on. Without one,
 * and without a default route, the kernel refuses to connect before anything could change the destination. No packet takes it: each is led to a backend or refused.
 *
 * @param of.ranges CIDRs
 * @param of.sources the host's own addresses, with the indexes of the links that they are on
 */
export function serviceRoutes(of: {
  services: Iterable<Service>;
  ranges: readonly string[];
  sources: readonly { address: string; link: number }[];
}): BlockRoute[] {
  const addresses = [...of.services].flatMap(serviceAddresses);
  return of.ranges.flatMap((destination): BlockRoute[] => {
    const source = of.sources.find(({ address }) => familyOf(address) === familyOf(destination));
    if (source === undefined || !addresses.some((address) => cidrContains(destination, address))) return [];
    return [{ destination, type: 'unicast', link: source.link, source: source.address, protocol: ROUTE_PROTOCOL, metric: LAST_RESORT }];
  });
}
