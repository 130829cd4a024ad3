import { z } from 'zod';
import { parseAddress } from '../address/address.ts';
import { field, oneOf, someOf, text } from '../validation/field.ts';

/**
 * An address of its own for one instance of an app: it stays the claim's while no container runs. The network label `weir/claim` binds a
 * container to the claim of that name in its namespace, one at a time.
 */
export interface ClaimSpec {
  /** The addresses it is to have; those that its first container is given when absent. */
  addresses?: string[];
  /** Names of pools to take from, first choice first; those of the network when absent. */
  pools?: string[];
  /** Families to have an address of; those of the network when absent. */
  families?: ('IPv4' | 'IPv6')[];
}

/** Written when a container is bound. */
export interface ClaimStatus {
  /** What the claim holds, until it is deleted. */
  addresses: string[];
  /** The network whose own address space they are of; absent: of the shared one. */
  network?: string;
}

export const claimSpecSchema: z.ZodType<ClaimSpec> = z
  .strictObject({
    addresses: someOf(field(parseAddress), 'to have any').optional(),
    pools: someOf(
      text({ what: 'pool name', pattern: /^.+$/s, allowed: 'a string that is not empty' }),
      'for those of the network',
    ).optional(),
    families: someOf(oneOf('IPv4', 'IPv6'), 'for those of the network').optional(),
  })
  .prefault({});

const statusSchema: z.ZodType<ClaimStatus> = z.object({ addresses: z.array(field(parseAddress)), network: z.string().optional() });

/** What a claim's status says that it holds; nothing when it was never bound. */
export function claimedAddresses({ status }: { status?: unknown }): string[] {
  const read = statusSchema.safeParse(status);
  return read.success ? read.data.addresses : [];
}

/** The network whose own address space a claim's addresses are of; undefined: of the shared one, or there are none. */
export function claimedSpace({ status }: { status?: unknown }): string | undefined {
  return statusSchema.safeParse(status).data?.network;
}
