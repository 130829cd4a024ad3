/** Takes this host's lease of a flannel network, or goes on with the one that it has: one transaction, as flanneld does it. */
import type { Lease, Store } from '@weir/datastore';
import type { Family } from '@weir/resources';
import {
  chooseLease,
  type FlannelEnd,
  type FlannelNetwork,
  type FlannelPeer,
  leaseName,
  leaseValue,
  type Subnets,
  subnetsOf,
} from '@weir/routing';
import type { FlannelRecords } from './flannel-records.ts';

/** As flannel's, in seconds. A host that is away for longer may find its subnet given to another. */
const TTL = 24 * 3600;

export interface HeldLease {
  /** Last part of the key. */
  name: string;
  peer: FlannelPeer;
  value: string;
  /** What keeps it; absent where it is a reservation, which stays without. */
  lease?: Lease;
}

export interface LeaseRequest {
  network: FlannelNetwork;
  records: FlannelRecords;
  /** Of this host, by family. */
  addresses: Subnets;
  /** Subnets that it had before. */
  previous: Subnets | undefined;
  /** What is held already. */
  held: HeldLease | undefined;
  /** The hardware address of this host's VXLAN interface for a family. */
  macOf: (vni: number, family: Family) => string;
}

/**
 * Undefined when another was faster, or something changed meanwhile: list again.
 *
 * @throws StoreError, RoutingError EFLANNEL when no subnet is left
 */
export async function holdLease(store: Store, request: LeaseRequest): Promise<HeldLease | undefined> {
  const { network, records, addresses, previous, held } = request;
  const choice = chooseLease({ network, leases: records.leases, address: addresses.IPv4!, previous });
  if (choice.remove !== undefined) {
    const { key, revision } = records.entry(choice.remove)!;
    await store.transact({ when: [{ key, revision }], then: [{ delete: key }] });
  }
  const name = choice.reuse ?? leaseName(choice.take!);
  const peer = describe(subnetsOf(name)!, request);
  const value = leaseValue(peer);
  const entry = records.entry(name);
  const key = records.keyOf(name);
  const when = [{ key, revision: entry?.revision ?? 0 }];
  if (entry !== undefined && (entry.lease === undefined || entry.lease === held?.lease?.id)) {
    const lease = entry.lease === undefined ? undefined : held!.lease;
    const isThere =
      entry.value === value || (await store.transact({ when, then: [{ put: key, value, ...(lease && { lease: lease.id }) }] })).committed;
    return isThere ? { name, peer, value, ...(lease && { lease }) } : undefined;
  }
  const lease = await store.lease(TTL);
  const { committed } = await store.transact({ when, then: [{ put: key, value, lease: lease.id }] });
  if (committed) return { name, peer, value, lease };
  await lease.revoke();
  return undefined;
}

function describe(subnets: Subnets, { network: { backend }, addresses, macOf }: LeaseRequest): FlannelPeer {
  const end = (family: Family): FlannelEnd => ({
    subnet: subnets[family]!,
    publicAddress: addresses[family]!,
    ...(backend.type === 'vxlan' && { vtep: { vni: backend.vni, mac: macOf(backend.vni, family) } }),
  });
  return { backend: backend.type, ends: { IPv4: end('IPv4'), ...(subnets.IPv6 && { IPv6: end('IPv6') }) } };
}
