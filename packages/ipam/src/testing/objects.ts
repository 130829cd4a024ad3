/** For tests: objects with all their defaults. */

import type { Store } from '@weir/datastore';
import type { Claim, ClaimSpec, Host, IpamConfig, IpamConfigSpec, Network, Pool, PoolSpec, Reservation } from '@weir/resources';
import { keyOf, parseObject, serialize } from '@weir/resources';
import { admitClaim, admitNetwork, admitRule } from '../index.ts';

const object = (kind: string, metadata: object, spec: object) => parseObject({ apiVersion: 'weir/v1', kind, metadata, spec });

export const pool = (name: string, cidr: string, more: Partial<PoolSpec> = {}): Pool => object('Pool', { name }, { cidr, ...more }) as Pool;

export const request = (containerId: string) => ({ containerId, interfaceName: 'eth0', network: 'weir' });

export async function reserve(store: Store, name: string, addresses: string[], requests: 'Refuse' | 'Allow' = 'Refuse'): Promise<void> {
  await admitRule(store, object('Reservation', { name }, { addresses, requests }) as Reservation);
}

export async function configure(store: Store, spec: Partial<IpamConfigSpec>): Promise<void> {
  await admitRule(store, object('IpamConfig', { name: 'default' }, spec) as IpamConfig);
}

export async function ownNetwork(store: Store, name: string): Promise<void> {
  await admitNetwork(store, object('Network', { name }, { addressSpace: 'Own' }) as Network, { revision: 0 });
}

export async function claim(store: Store, name: string, spec: ClaimSpec = {}): Promise<void> {
  await admitClaim(store, object('Claim', { name, namespace: 'shop' }, spec) as Claim, { revision: 0 });
}

export async function labelHost(store: Store, name: string, labels: Record<string, string>): Promise<void> {
  const host = object('Host', { name, labels }, { addresses: [] }) as Host;
  await store.transact({ when: [], then: [{ put: keyOf(host), value: serialize(host) }] });
}
