/** What the CNI tools work with on this host: addresses, links, policy, and who their caller is. */
import { type Call, GUARDED_PREFIX, type Outage, type ResultCache, type Services, type Task } from '@weir/cni';
import type { Allocator } from '@weir/ipam';
import { DNS4, DNS6, findHostEnd, type LinkSettings } from '@weir/routing';
import type { ClusterState } from '../cluster-state.ts';
import { DOMAIN } from '../dns/zone-entry.ts';
import type { KernelSync } from '../kernel-sync.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { collectStale } from '../orphans/collect-stale.ts';
import type { HostLinks } from '../routing/host-links.ts';
import { AddressRequests } from './address-requests.ts';
import type { Attachments, Later } from './attachments.ts';
import type { EndedEndpoints } from './ended-endpoints.ts';
import type { Enforcement } from './enforcement.ts';

export interface CallServicesOptions {
  host: string;
  /** Whether this host answers its containers' DNS. */
  hasDns: boolean;
  state: ClusterState;
  kernel: KernelSync;
  allocator: Allocator;
  ended: EndedEndpoints;
  links: HostLinks;
  enforcement: Enforcement;
  results: ResultCache;
  /** The task of a container, as far as the Mesos agent knows it; absent where no Mesos agent is asked. */
  findTask?: (call: Call) => Promise<Task | undefined>;
  outage: () => Outage | undefined;
  /** Called when something stays for reconciliation to remove. */
  leave: () => void;
  log: Logger;
  metrics: Metrics;
}

export class CallServices {
  readonly #of: CallServicesOptions;
  readonly #addresses: AddressRequests;
  /** What DELs do after their answers. */
  readonly #removals = new Set<Promise<void>>();

  constructor(options: CallServicesOptions) {
    this.#of = options;
    this.#addresses = new AddressRequests({ ...options, removals: this.#removals });
  }

  /**
   * For one call.
   *
   * @param later takes work that may go on after the answer
   * @param attachments the calls that are under way
   */
  for(later: Later, attachments: Attachments): Services {
    const { host, hasDns, state, kernel, allocator, links, enforcement, results, findTask, outage } = this.#of;
    return {
      host,
      addresses: {
        allocate: (request) => this.#addresses.allocate(request),
        release: (owner) => allocator.release(owner),
        held: () => allocator.held(),
        probe: (request) => allocator.probe(request),
      },
      wiring: {
        spaceFor: (network) => state.spaceFor(network),
        spaceOf: (hostInterface) => links.spaceOf(hostInterface),
        attach: (request) => {
          if (request.space === undefined && request.hostInterface.startsWith(GUARDED_PREFIX)) kernel.guard();
          const { attachmentWith, finish, abandon } = links.attach(request);
          // No pool of another address space has a say, even if it has the address.
          const mtuFor = (addresses: readonly string[]) => kernel.routing.mtuFor(request.space === undefined ? addresses : []);
          const whole = (settings: LinkSettings) => ({ ...settings, mtu: settings.mtu ?? mtuFor(settings.addresses) });
          return {
            attachmentWith: (settings) => attachmentWith(whole(settings)),
            finish: (settings) => finish(whole(settings)),
            abandon,
          };
        },
        detach: async (hostInterface) => {
          await links.remove(hostInterface);
          // The next one to have the address must not inherit flows.
          await kernel.dataplane.settled();
        },
        inspect: async (where) => links.inspect(where),
        findHostEnd,
      },
      ...(hasDns && { dns: { nameservers: { '4': DNS4, '6': DNS6 }, domain: DOMAIN } }),
      ...(findTask && { findTask }),
      enforcement,
      results,
      outage,
      collect: (collection) => collectStale(collection, { ...this.#of, attachments }),
      later: (work, what) => later(this.#settle(work, what)),
    };
  }

  #settle(work: Promise<void>, what: string): Promise<void> {
    const { log, leave } = this.#of;
    const settled = work
      .catch((error: Error) => {
        log.warn({ what, error: error.message }, 'left to reconciliation');
        leave();
      })
      .finally(() => this.#removals.delete(settled));
    this.#removals.add(settled);
    return settled;
  }
}
