import { z } from 'zod';
import { parseCidr } from '../address/address.ts';
import { field } from '../validation/field.ts';

/** Address blocks outside of Weir under a name; the set's labels make them selectable as a peer of rules. */
export interface NetworkSetSpec {
  /** CIDRs, canonical text, in both families as needed. */
  nets: string[];
}

export const networkSetSpecSchema: z.ZodType<NetworkSetSpec> = z.strictObject({ nets: z.array(field(parseCidr)) });
