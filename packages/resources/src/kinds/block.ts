import { z } from 'zod';
import { cidrContains, parseAddress, parseCidr } from '../address.ts';
import { acrossFields, field, text } from '../field.ts';

/** A part of a pool that belongs to one host, which alone gives addresses out of it. IPAM's own: not written by people. */
export interface BlockSpec {
  cidr: string;
  /** Name of the Pool. */
  pool: string;
  /** Name of the Host that owns the block. */
  host: string;
  /** Given addresses, canonical text, and who has them. */
  allocations: Record<string, Allocation>;
}

export interface Allocation {
  containerId: string;
  interfaceName: string;
  network: string;
  host: string;
  /** Path of the container's network namespace (CNI_NETNS): while it is one, the container may live. */
  namespace?: string;
}

const string = (what: string) => text({ what, pattern: /^.+$/s, allowed: 'a string that is not empty' });

const allocationSchema: z.ZodType<Allocation> = z.strictObject({
  containerId: string('container id'),
  interfaceName: string('interface name'),
  network: string('network name'),
  host: string('host name'),
  namespace: string('namespace path').optional(),
});

export const blockSpecSchema: z.ZodType<BlockSpec> = acrossFields(
  z.strictObject({
    cidr: field(parseCidr),
    pool: string('pool name'),
    host: string('host name'),
    allocations: z.record(field(parseAddress), allocationSchema).prefault({}),
  }),
  ({ cidr, allocations }, report) => {
    if (typeof cidr !== 'string') return;
    for (const address of Object.keys(allocations ?? {})) {
      if (!cidrContains(cidr, address)) report(['allocations', address], `"${address}" is not of the block ${cidr}`);
    }
  },
);

/** The name of a block's object: its CIDR with `-` for `/` and `:`, since neither may stand in a name. */
export function blockName(cidr: string): string {
  return parseCidr(cidr).replaceAll(/[/:]/g, '-');
}
