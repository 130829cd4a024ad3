/** Which pools a request may have addresses of. Pure. */
import {
  type AddressRange,
  cidrContains,
  cidrRange,
  type HostSpec,
  type Labels,
  matches,
  type Pool,
  parseSelector,
  type Selector,
} from '@weir/resources';
import type { AllocationRequest } from './allocation-request.ts';

/** A pool with its selectors read. */
export interface KnownPool {
  readonly pool: Pool;
  readonly revision: number;
  /** Whether its hostSelector takes this host. */
  readonly forHost: boolean;
  /** CIDRs that this host's blocks of it have to be in; absent: anywhere in the pool. Others' addresses are then out of reach too. */
  readonly within?: readonly string[];
  readonly selector?: Selector;
  readonly namespaceSelector?: Selector;
}

/** What of the Host object pools look at. */
export interface PoolsHost {
  labels: Labels;
  flannel?: HostSpec['flannel'];
}

export function readPool(pool: Pool, revision: number, { labels, flannel }: PoolsHost): KnownPool {
  const { hostSelector, selector, namespaceSelector, routes, cidr } = pool.spec;
  return {
    pool,
    revision,
    forHost: hostSelector === undefined || matches(parseSelector(hostSelector), labels),
    ...(routes === 'Flannel' && { within: leasedOf(cidr, flannel) }),
    ...(selector !== undefined && { selector: parseSelector(selector) }),
    ...(namespaceSelector !== undefined && { namespaceSelector: parseSelector(namespaceSelector) }),
  };
}

function leasedOf(pool: string, lease: PoolsHost['flannel']): string[] {
  if (lease?.containers !== 'Weir') return [];
  return lease.subnets.filter((subnet) => cidrContains(pool, subnet));
}

/** Whether the allocations of this host rest on its Host object. */
export const restsOnHost = ({ pool: { spec } }: KnownPool): boolean => spec.hostSelector !== undefined || spec.routes === 'Flannel';

/** @param part a block or an address of the pool, of which this host perhaps may give */
export const mayGiveFrom = ({ within }: KnownPool, part: string): boolean =>
  within === undefined || within.some((subnet) => cidrContains(subnet, part));

/** What of its own leases a host gives nobody: the address of its end of flannel's tunnels, that of flannel's bridge, and the bridge's broadcast. */
export function keptOf({ within = [] }: KnownPool): AddressRange[] {
  return within.map(cidrRange).flatMap(({ family, first, last }) => [
    { family, first, last: first + 1n },
    { family, first: last, last },
  ]);
}

/** The pools of an address space: of a network's own, or of the shared one. */
export function poolsOf(pools: ReadonlyMap<string, KnownPool>, space: string | undefined): Map<string, KnownPool> {
  return new Map([...pools].filter(([, { pool }]) => pool.spec.network === space));
}

/** Why the pool is not for the request, as it completes "pool … is"; undefined when it is. */
export function whyNotFor(
  { pool, forHost, within, selector, namespaceSelector }: KnownPool,
  request: AllocationRequest,
  host: string,
): string | undefined {
  const { spec } = pool;
  if (spec.disabled) return 'disabled';
  if (!forHost) return `for other hosts than ${host} (hostSelector: ${spec.hostSelector})`;
  if (within?.length === 0) return `flannel's, of which host ${host} has no lease for Weir's containers`;
  const {
    namespace = 'default',
    namespaceLabels = {},
    labels = {},
  }: Partial<AllocationRequest['endpoint'] & object> = request.endpoint ?? {};
  if (namespaceSelector !== undefined && !matches(namespaceSelector, namespaceLabels)) {
    return `for other namespaces than ${namespace} (namespaceSelector: ${spec.namespaceSelector})`;
  }
  if (selector !== undefined && !matches(selector, labels)) return `for endpoints with other labels (selector: ${spec.selector})`;
  return undefined;
}
