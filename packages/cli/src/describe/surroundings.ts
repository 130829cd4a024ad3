import type { PoolUsage } from '@weir/ipam';
import type { Endpoint, GlobalPolicy, HostEndpoint, Namespace, Policy, Service, Tier } from '@weir/resources';
import type { AgentPresence } from '../node/presence.ts';
import type { StatusContext } from '../output/policy-status.ts';

/** What else there is: the endpoints that a policy may select, the policies that may select an endpoint. */
export interface Surroundings {
  endpoints: readonly Endpoint[];
  policies: readonly (Policy | GlobalPolicy)[];
  namespaces: readonly Namespace[];
  /** Absent: only those that are built in. */
  tiers?: readonly Tier[];
  /** Asked only of a policy: those that cannot be read and that it forbids by. */
  unreadableFor?: StatusContext['unreadableFor'];
  hostEndpoints?: readonly HostEndpoint[];
  /** Asked only of an endpoint. */
  services?: readonly Service[];
  /** Those that give signs of life, by host; asked only of an endpoint and a host. */
  agents?: ReadonlyMap<string, AgentPresence>;
  /** How full the pools are; asked only of a pool. */
  usage?: readonly PoolUsage[];
}
