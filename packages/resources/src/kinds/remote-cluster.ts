import { z } from 'zod';
import { cidrsOverlap, parseCidr } from '../address/address.ts';
import { fittingName } from '../endpoint-identity.ts';
import { acrossFields, field } from '../validation/field.ts';

/**
 * Another cluster of Weir's, whose endpoints are peers to rules that name it, and nothing else here. How its store is reached, the
 * configuration of those agents says that read it (`remoteClusters`): who may write objects does not choose which files root reads, nor to
 * whom it shows them. The idea is that of Calico Enterprise's RemoteClusterConfiguration.
 */
export interface RemoteClusterSpec {
  /** What its containers may have as addresses; of an endpoint that says another one it is not believed. */
  cidrs: string[];
}

/** What the agent that reads the other cluster's store last told. */
export interface RemoteClusterStatus {
  /** Name of the Host whose agent it is. */
  host: string;
  /** `Away`: its store cannot be reached, and its endpoints are as they were. */
  state: 'Connected' | 'Away';
  /** When it came to that state, ISO 8601. */
  since: string;
  /** Why it is away. */
  problem?: string;
  /** How many of its endpoints are peers here. */
  endpoints: number;
  /** How many are not, having no address that is believed. */
  refused: number;
  /** One of them, and why. */
  refusal?: string;
}

export const remoteClusterSpecSchema: z.ZodType<RemoteClusterSpec> = acrossFields(
  z.strictObject({ cidrs: z.array(field(parseCidr)) }),
  ({ cidrs = [] }, report) => {
    if (!Array.isArray(cidrs)) return;
    if (cidrs.length === 0) report(['cidrs'], "[] is empty: expected what the other cluster's pools have, else nothing of it is believed");
    const parsed = cidrs.map((cidr) => (typeof cidr === 'string' ? cidr : undefined));
    for (const [index, cidr] of parsed.entries()) {
      if (cidr === undefined) continue;
      if (cidr.endsWith('/0')) report(['cidrs', index], `"${cidr}" is every address: expected what the other cluster's pools have`);
      const other = parsed.slice(0, index).find((one) => one !== undefined && cidrsOverlap(one, cidr));
      if (other !== undefined) report(['cidrs', index], `"${cidr}" overlaps "${other}" of the same list`);
    }
  },
);

/** The name of a remote endpoint's object: its cluster and, with `_`, which names of clusters cannot have, the name that it has there. */
export function remoteEndpointName(cluster: string, name: string): string {
  return fittingName(`${cluster}_${name}`);
}
