import { z } from 'zod';
import { parseAddress } from '../address/address.ts';
import { NAMES } from '../metadata.ts';
import { field, text } from '../validation/field.ts';

/**
 * An endpoint of another cluster, as a peer to this one's rules: a kind of its own, so that nothing which is for this cluster's endpoints
 * (hosts, addresses, services' and containers' ends) can take it for one. Its labels are those that selectors see in its own cluster, and
 * `weir/cluster`. Written by the agent that reads the other cluster's store.
 */
export interface RemoteEndpointSpec {
  /** Name of the RemoteCluster. */
  cluster: string;
  /** Name of its Host there. */
  host: string;
  /** Those that are believed: see {@link RemoteClusterSpec.cidrs}. Canonical text. */
  addresses: string[];
  /** False: its cluster leads no new flow of a service to it. */
  ready: boolean;
}

export const remoteEndpointSpecSchema: z.ZodType<RemoteEndpointSpec> = z.strictObject({
  cluster: text({ ...NAMES.chosen, what: 'name of a RemoteCluster' }),
  host: text({ what: 'host name', pattern: /^.+$/s, allowed: 'a string that is not empty' }),
  addresses: z.array(field(parseAddress)),
  ready: z.boolean().prefault(true),
});
