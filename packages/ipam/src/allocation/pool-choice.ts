/** Which pools a request may have addresses of. Pure. */
import { matches, type Pool, parseSelector, type Selector } from '@weir/resources';
import type { AllocationRequest } from './allocation-request.ts';

/** A pool with its selectors read. */
export interface KnownPool {
  readonly pool: Pool;
  readonly revision: number;
  /** Whether its hostSelector takes this host. */
  readonly forHost: boolean;
  readonly selector?: Selector;
  readonly namespaceSelector?: Selector;
}

export function readPool(pool: Pool, revision: number, hostLabels: Record<string, string>): KnownPool {
  const { hostSelector, selector, namespaceSelector } = pool.spec;
  return {
    pool,
    revision,
    forHost: hostSelector === undefined || matches(parseSelector(hostSelector), hostLabels),
    ...(selector !== undefined && { selector: parseSelector(selector) }),
    ...(namespaceSelector !== undefined && { namespaceSelector: parseSelector(namespaceSelector) }),
  };
}

/** The pools of an address space: of a network's own, or of the shared one. */
export function poolsOf(pools: ReadonlyMap<string, KnownPool>, space: string | undefined): Map<string, KnownPool> {
  return new Map([...pools].filter(([, { pool }]) => pool.spec.network === space));
}

/** Why the pool is not for the request, as it completes "pool … is"; undefined when it is. */
export function whyNotFor(
  { pool, forHost, selector, namespaceSelector }: KnownPool,
  request: AllocationRequest,
  host: string,
): string | undefined {
  const { spec } = pool;
  if (spec.disabled) return 'disabled';
  if (!forHost) return `for other hosts than ${host} (hostSelector: ${spec.hostSelector})`;
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
