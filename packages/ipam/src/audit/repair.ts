/** What puts right what an audit found, each as a transaction that does nothing when things have changed since. */
import type { Store } from '@weir/datastore';
import { familyOf } from '@weir/resources';
import { Allocator } from '../allocator.ts';
import { freeKept } from '../claim.ts';
import type { Repair } from './finding.ts';

/** Throws IpamError (ESTALE, EINUSE, or what `Allocator.allocate` throws) when it is not as it was found any more; StoreError. */
export async function repair(store: Store, one: Repair): Promise<void> {
  switch (one.do) {
    case 'release':
      return new Allocator({ store, host: one.host }).releaseAddress(one);
    case 'hold':
      await new Allocator({ store, host: one.host }).allocate({
        ...one.owner,
        network: one.network,
        families: [familyOf(one.address)],
        addresses: [one.address],
      });
      return;
    case 'unclaim':
      return freeKept(store, one);
    case 'drop':
      return new Allocator({ store, host: one.host }).dropBlock(one.block);
    case 'move':
      return new Allocator({ store, host: one.host }).moveBlock(one.block, one.pool);
  }
}

/** `release 10.64.0.7`, for a plan. */
export function repairText(one: Repair): string {
  switch (one.do) {
    case 'release':
      return `release ${one.address}`;
    case 'hold':
      return `hold ${one.address} for ${one.owner.interfaceName} of container ${one.owner.containerId} on host ${one.host}`;
    case 'unclaim':
      return `free what ${one.block} keeps for the claim ${one.claim}`;
    case 'drop':
      return `remove the empty block ${one.block}`;
    case 'move':
      return `say in block ${one.block} that it is of pool "${one.pool}"`;
  }
}
