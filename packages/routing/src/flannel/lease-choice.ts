/** Which subnets of a flannel network a host takes: flannel's own rules (`pkg/subnet/etcd/local_manager.go`). Pure. */
import { ADDRESS_BITS, addressFromNumber, cidrRange, cidrsOverlap, type Family } from '@weir/resources';
import { RoutingError } from '../routing-error.ts';
import { type FlannelPeer, subnetsOf } from './lease.ts';
import type { FlannelNetwork, SubnetPlan } from './network-config.ts';

export type Subnets = Partial<Record<Family, string>>;

/** So many free subnets are looked at; hosts that choose at once then rarely choose the same. */
const CANDIDATES = 100;

export interface LeaseChoice {
  /** The host's own lease, which it has already. */
  reuse?: string;
  /** Its own, of which the network's configuration allows nothing any more. */
  remove?: string;
  /** To be taken when there is none of its own. */
  take?: Subnets;
}

/**
 * @param of.leases all of the network, by the last part of their keys; undefined for one that cannot be read
 * @param of.address of this host, by which it knows its own lease again
 * @param of.previous subnets that it had before, taken again where they are free
 * @param of.random from 0 to below 1
 * @throws RoutingError EFLANNEL when no subnet is left
 */
export function chooseLease({
  network: { plans },
  leases,
  address,
  previous,
  random = Math.random,
}: {
  network: FlannelNetwork;
  leases: ReadonlyMap<string, FlannelPeer | undefined>;
  address: string;
  previous: Subnets | undefined;
  random?: () => number;
}): LeaseChoice {
  const own = [...leases].find(([, lease]) => lease?.ends.IPv4?.publicAddress === address)?.[0];
  if (own !== undefined && fits(subnetsOf(own)!)) return { reuse: own };
  const others = [...leases.keys()].filter((name) => name !== own).flatMap((name) => Object.values(subnetsOf(name) ?? {}));
  const isFree = (subnet: string) => others.every((other) => !cidrsOverlap(subnet, other));
  const remove = own !== undefined && { remove: own };
  if (previous !== undefined && fits(previous) && Object.values(previous).every(isFree)) return { ...remove, take: previous };
  const take: Subnets = { IPv4: choose(plans.IPv4), ...(plans.IPv6 && { IPv6: choose(plans.IPv6) }) };
  return { ...remove, take };

  function fits(subnets: Subnets): boolean {
    return (['IPv4', 'IPv6'] as const).every((family) => {
      const [plan, subnet] = [plans[family], subnets[family]];
      return plan === undefined || subnet === undefined ? plan === undefined && subnet === undefined : isOf(plan, subnet);
    });
  }

  function choose(plan: SubnetPlan): string {
    const free = freeSubnets(plan, isFree);
    if (free.length === 0) throw new RoutingError('EFLANNEL', `flannel's network ${plan.network} has no /${plan.length} left`);
    return free[Math.floor(random() * free.length)]!;
  }
}

function isOf({ length, range }: SubnetPlan, subnet: string): boolean {
  const { first, last, prefixLength, family } = cidrRange(subnet);
  return family === range.family && prefixLength === length && first >= range.first && last <= range.last;
}

function freeSubnets({ length, range: { family, first, last } }: SubnetPlan, isFree: (subnet: string) => boolean): string[] {
  const size = 1n << BigInt(ADDRESS_BITS[family] - length);
  const free: string[] = [];
  for (let start = first; start + size - 1n <= last && free.length < CANDIDATES; start += size) {
    const subnet = `${addressFromNumber(start, family)}/${length}`;
    if (isFree(subnet)) free.push(subnet);
  }
  return free;
}
