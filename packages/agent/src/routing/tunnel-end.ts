/** This host's end of the tunnels in its Host object, where the other hosts find it, with the addresses that the host itself speaks from. */
import { isDeepStrictEqual } from 'node:util';
import type { ObjectStore } from '@weir/datastore';
import { type Allocator, IpamError, type Owner } from '@weir/ipam';
import { cidrContains, type Family, familyOf, type Host, type Pool, type VxlanEnd } from '@weir/resources';
import { TUNNEL_LINK } from '@weir/routing';
import { updateHost } from '../hosts/presence.ts';
import type { Logger } from '../log.ts';
import { wantsTunnels } from './host-routing.ts';

/** Who holds the tunnel addresses in IPAM. */
const ownerOf = (host: string): Owner => ({ containerId: `host-${host}`, interfaceName: TUNNEL_LINK });

export interface TunnelEndRequest {
  host: string;
  /** As the kernel has it; undefined: this host has none (any more). */
  end: VxlanEnd | undefined;
  pools: readonly Pool[];
  /** What the Host object says now. */
  published: VxlanEnd | undefined;
}

/** Whether the Host object has to be written, or addresses taken or given back. */
export function isStale(request: TunnelEndRequest): boolean {
  const { end, published } = request;
  if (end === undefined) return published !== undefined;
  return published === undefined || !isDeepStrictEqual(end, published) || !areRight(published.tunnelAddresses, request.pools);
}

/**
 * Brings addresses and Host object up to date. The end without an address is of use to containers already, so that a full pool does not
 * hold it up.
 *
 * @throws StoreError
 */
export async function publishTunnelEnd(
  request: TunnelEndRequest,
  { objects, allocator, log }: { objects: ObjectStore; allocator: Allocator; log: Logger },
): Promise<{ object: Host; revision: number }> {
  const { host, end, published, pools } = request;
  const owner = ownerOf(host);
  let tunnelAddresses = published?.tunnelAddresses ?? [];
  if (end === undefined || !areRight(tunnelAddresses, pools)) {
    await allocator.release(owner);
    tunnelAddresses = end === undefined ? [] : await allocate(owner, pools, allocator, log);
  }
  return updateHost(objects, host, { vxlan: end && { ...end, tunnelAddresses } });
}

async function allocate(owner: Owner, pools: readonly Pool[], allocator: Allocator, log: Logger): Promise<string[]> {
  const addresses: string[] = [];
  for (const family of familiesOf(pools)) {
    const names = pools
      .filter((pool) => wantsTunnels(pool) && familyOf(pool.spec.cidr) === family)
      .map(({ metadata }) => metadata.name)
      .sort();
    try {
      const [assigned] = await allocator.allocate({ ...owner, network: TUNNEL_LINK, families: [family], pools: names });
      if (assigned !== undefined) addresses.push(assigned.address);
    } catch (error) {
      if (!(error instanceof IpamError)) throw error;
      log.warn(
        { error: error.message },
        'this host speaks to containers of other hosts from its own address: it gets none for the tunnels',
      );
    }
  }
  return addresses;
}

/** One of each family that pools with tunnels have, out of these pools. */
function areRight(addresses: readonly string[], pools: readonly Pool[]): boolean {
  const families = familiesOf(pools);
  const isOfPool = (address: string) => pools.some((pool) => wantsTunnels(pool) && cidrContains(pool.spec.cidr, address));
  return (
    addresses.length === families.length &&
    families.every((family) => addresses.some((address) => familyOf(address) === family)) &&
    addresses.every(isOfPool)
  );
}

function familiesOf(pools: readonly Pool[]): Family[] {
  return [...new Set(pools.filter(wantsTunnels).map(({ spec }) => familyOf(spec.cidr)))].sort();
}
