/** What an audit looks at and finds. */
import type { Allocation } from '@weir/resources';
import type { Owner } from '../block.ts';

/**
 * - `leaked`: held for a container that is not there any more
 * - `doubled`: more than one has the address
 * - `orphaned`: a container has it, and it is not held: it may be given to another
 * - `foreign`: an address of a pool that something else on a host has
 * - `stray`: a block that is not of the pool that it says
 * - `unclaimed`: kept for a claim that does not have it, or a claim that has what is not kept for it
 * - `unreadable`: the stored object is not valid
 */
export type FindingKind = 'leaked' | 'doubled' | 'orphaned' | 'foreign' | 'stray' | 'unclaimed' | 'unreadable';

export interface Finding {
  kind: FindingKind;
  /** An address, a block's CIDR, a claim or a key. */
  subject: string;
  /** What is wrong with it, and what to do where there is no repair. */
  message: string;
  /** What would put it right, where that is certain. */
  repair?: Repair;
}

export type Repair =
  /** Frees the address, if the allocation of that number still stands. */
  | { do: 'release'; address: string; host: string; sequence: number }
  /** Holds the address for the container that has it. */
  | { do: 'hold'; address: string; host: string; owner: Owner; network: string }
  /** Frees what the block keeps for a claim that is not there. */
  | { do: 'unclaim'; block: string; claim: string }
  /** Takes an empty block away. */
  | { do: 'drop'; block: string; host: string }
  /** Says in the block which pool it is of. */
  | { do: 'move'; block: string; host: string; pool: string };

/** What a host's kernel was found to have. */
export interface KernelAddresses {
  host: string;
  /** Paths of the allocations' network namespaces that are there. */
  namespaces: ReadonlySet<string>;
  /** Without loopback and link-local addresses. */
  addresses: { address: string; link: string /** Absent: the host's own. */; namespace?: string }[];
}

export interface AuditOptions {
  /** ms since the epoch. */
  now: number;
  /** What was given so lately may still be on its way into its container. */
  graceSeconds: number;
  kernel?: KernelAddresses;
}

/** An address whose container nobody can tell of from here. */
export interface Unverified {
  address: string;
  host: string;
  network: string;
}

export interface Audit {
  findings: Finding[];
  /** Held by containers that have no endpoint because their network writes none (no weir-policy in it). */
  unverified: Unverified[];
}

/** An address as a block has it. */
export interface Holding {
  address: string;
  block: string;
  allocation: Allocation;
}

/** `eth0 of container c1 on host node-7`, `the claim shop/db`. */
export function holderText({ containerId, interfaceName, host, claim }: Allocation): string {
  const container = containerId === undefined ? [] : [`${interfaceName} of container ${containerId} on host ${host}`];
  return [...(claim === undefined ? [] : [`the claim ${claim}`]), ...container].join(' with ');
}

/** What an operator is to do so that no container is given the address. */
export const reserveAdvice = (address: string): string => `keep it from containers with weir ipam reserve ${address}`;
