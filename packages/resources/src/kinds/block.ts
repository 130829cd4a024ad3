import { z } from 'zod';
import { cidrContains, parseAddress, parseCidr } from '../address/address.ts';
import { acrossFields, field, integer, text } from '../validation/field.ts';

/** A part of a pool that belongs to one host, which gives addresses out of it; others borrow. IPAM's own: not written by people. */
export interface BlockSpec {
  cidr: string;
  /** Name of the Pool. */
  pool: string;
  /** Name of the Network whose own address space it is of, as its pool has it; absent: of the shared one. */
  network?: string;
  /** Name of the Host that owns the block. */
  host: string;
  /** Number of the next allocation. Never the same twice for one address, also after the block was deleted and made anew. */
  sequence: number;
  /** Given addresses, canonical text, and who has them. */
  allocations: Record<string, Allocation>;
  /** When free addresses were given back, in ms since the epoch; those of long ago are left out. */
  released: Record<string, number>;
}

/** An address is a container's, a claim's, or both. */
export interface Allocation {
  /** Absent, with `interfaceName`, `network` and `namespace`, while no container of the claim runs. */
  containerId?: string;
  interfaceName?: string;
  network?: string;
  /** Where the container is, or the block's host while none runs. */
  host: string;
  /** Path of the container's network namespace (CNI_NETNS): while it is one, the container may live. */
  namespace?: string;
  /** Namespace and name of the Claim that keeps the address, with a slash between. */
  claim?: string;
  /** When the container was given it, in ms since the epoch; absent while none runs, and from an older agent. */
  since?: number;
  /** Tells this allocation from earlier ones of the address, so that a late release of one of those does not end this one. */
  sequence: number;
}

const string = (what: string) => text({ what, pattern: /^.+$/s, allowed: 'a string that is not empty' });
const count = (what: string) => integer({ what, minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

const allocationSchema: z.ZodType<Allocation> = z
  .strictObject({
    containerId: string('container id').optional(),
    interfaceName: string('interface name').optional(),
    network: string('network name').optional(),
    host: string('host name'),
    namespace: string('namespace path').optional(),
    claim: string('claim').optional(),
    since: count('time').optional(),
    sequence: count('sequence number').prefault(0),
  })
  .refine(({ containerId, interfaceName, claim }) => (containerId === undefined ? claim !== undefined : interfaceName !== undefined), {
    message: "is nobody's: expected containerId and interfaceName, or claim",
  });

export const blockSpecSchema: z.ZodType<BlockSpec> = acrossFields(
  z.strictObject({
    cidr: field(parseCidr),
    pool: string('pool name'),
    network: string('network name').optional(),
    host: string('host name'),
    sequence: count('sequence number').prefault(0),
    allocations: z.record(field(parseAddress), allocationSchema).prefault({}),
    released: z.record(field(parseAddress), count('time')).prefault({}),
  }),
  ({ cidr, allocations, released }, report) => {
    if (typeof cidr !== 'string') return;
    for (const [name, addresses] of Object.entries({ allocations, released })) {
      for (const address of Object.keys(addresses ?? {})) {
        if (!cidrContains(cidr, address)) report([name, address], `"${address}" is not of the block ${cidr}`);
      }
    }
  },
);

/**
 * The name of a block's object: its CIDR with `-` for `/` and `:`, since neither may stand in a name. In front of it the network with its own
 * address space, with `_`, which the names of networks cannot have.
 */
export function blockName({ cidr, network }: Pick<BlockSpec, 'cidr' | 'network'>): string {
  const range = parseCidr(cidr).replaceAll(/[/:]/g, '-');
  return network === undefined ? range : `${network}_${range}`;
}
