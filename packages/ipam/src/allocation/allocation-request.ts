/** What is asked of an allocation, and what comes of it. */
import type { Operation } from '@weir/datastore';
import type { AddressRange, BlockSpec, Family } from '@weir/resources';
import type { Owner } from '../block.ts';

export interface AllocationRequest extends Owner {
  /** Name of the CNI network, kept with the address. */
  network: string;
  /** The network again, when its containers are to have addresses of its own space: it has to have one, and else must have none. */
  space?: string;
  /** Path of the container's network namespace, kept with the address: the sign that its owner may live. */
  namespace?: string;
  /** One address of each; default: the families that enabled pools (of `pools`) have. */
  families?: Family[];
  /** Names of the pools to take from, first choice first; default: all, by name. */
  pools?: string[];
  /** Addresses that the owner must have, canonical text: each of them is given, or nothing is. What they leave open of `families` is added. */
  addresses?: string[];
  /** Not to be given, besides what the cluster's reservations keep: what of its link the network itself needs. */
  reserved?: readonly AddressRange[];
  /** The Claim whose addresses these are to be, `namespace/name`. */
  claim?: string;
  /** What the selectors of pools look at. */
  endpoint?: { namespace: string; namespaceLabels: Record<string, string>; labels: Record<string, string> };
  /** What is to be in the store with the addresses, or not at all. Asked for each addresses that are tried; must not throw. */
  along?: (assigned: readonly Assigned[]) => Companion | undefined;
}

/** One more write of the transaction that gives addresses, of a key that no allocation writes. */
export interface Companion {
  write: Operation;
  /** Told when it was committed, before whoever asked for the addresses is. */
  written(revision: number): void;
}

export interface Assigned {
  address: string;
  family: Family;
  prefixLength: 32 | 128;
  pool: string;
  /** CIDR of the block that the address was taken from. */
  block: string;
}

/** An address with its block. */
export interface Place {
  address: string;
  block: BlockSpec;
  /** Of a block that is another host's. */
  revision?: number;
}
