/** Addresses for the CNI tools. DEL answers before its address is free: where no other will do, an ADD waits for those on their way back. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Services } from '@weir/cni';
import { type AllocationRequest, type Allocator, type Assigned, IpamError, type IpamErrorCode } from '@weir/ipam';
import type { ClusterState } from '../cluster-state.ts';
import type { EndedEndpoints } from './ended-endpoints.ts';
import type { Enforcement } from './enforcement.ts';

/** Codes of allocations that an address on its way back may help. */
const WAITS: readonly IpamErrorCode[] = ['EEXHAUSTED', 'ETAKEN'];
/** How long an address is waited for that its last container no longer needs, and how often it is looked for, ms. */
const PATIENCE = 2_000;
const PAUSE = 50;

export interface AddressRequestsOptions {
  allocator: Allocator;
  state: ClusterState;
  ended: EndedEndpoints;
  enforcement: Pick<Enforcement, 'companion'>;
  /** What DELs of this host still do after their answers. */
  removals: ReadonlySet<Promise<void>>;
}

export class AddressRequests {
  readonly #of: AddressRequestsOptions;

  constructor(options: AddressRequestsOptions) {
    this.#of = options;
  }

  /** Throws IpamError and StoreError. */
  async allocate({ task, endpointWith, ...rest }: Parameters<Services['addresses']['allocate']>[0]): Promise<Assigned[]> {
    const { allocator, state, removals, enforcement } = this.#of;
    const along = (assigned: readonly Assigned[]) => enforcement.companion(endpointWith?.(assigned.map(({ address }) => address)));
    const request = { ...rest, endpoint: { ...task, namespaceLabels: state.namespaceLabels(task.namespace) }, along };
    try {
      return await this.#allocateReturning(request);
    } catch (error) {
      if (!(error instanceof IpamError) || !WAITS.includes(error.code) || removals.size === 0) throw error;
      await Promise.all(removals);
      return allocator.allocate(request);
    }
  }

  /** Waits for an address that a container of any host had, whose endpoint went just now: it is free as soon as its link is. */
  async #allocateReturning(request: AllocationRequest): Promise<Assigned[]> {
    for (const tooLate = performance.now() + PATIENCE; ; await delay(PAUSE)) {
      try {
        return await this.#of.allocator.allocate(request);
      } catch (error) {
        const holder = error instanceof IpamError ? error.holder : undefined;
        if (holder === undefined || !this.#of.ended.has(holder) || performance.now() > tooLate) throw error;
      }
    }
  }
}
