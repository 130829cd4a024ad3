/** What of the shared address space is spoken for: the pools of containers, and the ranges of services. */
import type { Store } from '@weir/datastore';
import { DEFAULT_IPAM_CONFIG, IPAM_CONFIG_NAME, type IpamConfig, keyOf, type Pool, parseObject } from '@weir/resources';
import { decodePool, POOL_PREFIX } from './pool.ts';

const CONFIG_KEY = keyOf({ kind: 'IpamConfig', metadata: { name: IPAM_CONFIG_NAME } });

/** Those of networks with their own address space are not among them. */
export async function sharedPools(store: Store): Promise<Pool[]> {
  const { entries } = await store.list(POOL_PREFIX);
  return entries.map(({ value }) => decodePool(value)).filter(({ spec }) => spec.network === undefined);
}

/** CIDRs. */
export async function serviceRanges(store: Store): Promise<readonly string[]> {
  const config = await store.get(CONFIG_KEY);
  return (config === undefined ? DEFAULT_IPAM_CONFIG : (parseObject(JSON.parse(config.value)) as IpamConfig).spec).serviceRanges;
}
