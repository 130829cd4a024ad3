import { z } from 'zod';
import { familyOf, parseCidr } from '../address/address.ts';
import { field, integer } from '../validation/field.ts';

/** How addresses are handed out in the whole cluster. There is one, named `default`; without it all has its defaults. */
export interface IpamConfigSpec {
  /** A host gives addresses of its own blocks alone, and never borrows. Default false. */
  strictAffinity: boolean;
  /** An address that was given back is not given again for so long, seconds, unless its pools have no other. Default 30. */
  cooldownSeconds: number;
  /** A host gives a block back when it has been empty for so long, seconds, and is not its last with room. Default 60. */
  emptyBlockSeconds: number;
  /** A host without a sign of life for so long, seconds, loses blocks of which nothing is used. Default 600. */
  deadHostSeconds: number;
  /** A host owns at most so many blocks of one pool; no limit when absent. */
  maxBlocksPerHost?: number;
  /** CIDRs that services are given their addresses from, one of a family at most. Default 11.0.0.0/8 and fd01:c::/64, as DC/OS has them. */
  serviceRanges: string[];
}

const seconds = (what: string, minimum: number) => integer({ what, minimum, maximum: 604_800 });

export const ipamConfigSpecSchema: z.ZodType<IpamConfigSpec> = z
  .strictObject({
    strictAffinity: z.boolean().prefault(false),
    cooldownSeconds: seconds('cool-down', 0).prefault(30),
    emptyBlockSeconds: seconds('time', 0).prefault(60),
    deadHostSeconds: seconds('time', 1).prefault(600),
    maxBlocksPerHost: integer({ what: 'number of blocks', minimum: 1, maximum: 100_000 }).optional(),
    serviceRanges: z.array(field(parseCidr)).superRefine(oneOfEachFamily).prefault(['11.0.0.0/8', 'fd01:c::/64']),
  })
  .prefault({});

function oneOfEachFamily(ranges: string[], context: z.RefinementCtx): void {
  for (const [index, range] of ranges.entries()) {
    if (ranges.findIndex((other) => familyOf(other) === familyOf(range)) < index)
      context.addIssue({ code: 'custom', path: [index], message: `"${range}" is the second ${familyOf(range)} range: one is enough` });
  }
}

/** The name of the only one. */
export const IPAM_CONFIG_NAME = 'default';

/** What holds without an object. */
export const DEFAULT_IPAM_CONFIG: Readonly<IpamConfigSpec> = ipamConfigSpecSchema.parse({});
