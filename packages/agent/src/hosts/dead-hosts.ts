/** Gives back the blocks of hosts that are gone. Every agent looks; the transaction decides which one does it, and whether the host is gone. */
import type { ObjectStore, Store } from '@weir/datastore';
import { Allocator } from '@weir/ipam';
import { type Block, DEFAULT_IPAM_CONFIG, IPAM_CONFIG_NAME, presenceKey } from '@weir/resources';
import type { Logger } from '../log.ts';

export interface Seen {
  /** This host's name. */
  self: string;
  blocks: readonly Block[];
  /** Hosts that give signs of life. */
  present: ReadonlySet<string>;
  /** Hosts that have a Host object; who deletes it says that the host does not come back. */
  known: ReadonlySet<string>;
  /** Hosts that have endpoints. */
  withEndpoints: ReadonlySet<string>;
}

export interface Reclaimable {
  host: string;
  /** Whatever it holds; else empty blocks alone: containers of a host whose agent is silent may well be alive. */
  all: boolean;
}

/** Pure: hosts without a sign of life that have something to give back. */
export function reclaimable({ self, blocks, present, known, withEndpoints }: Seen): Reclaimable[] {
  const owners = blocks.flatMap(({ spec }) => [spec.host, ...Object.values(spec.allocations).map(({ host }) => host)]);
  const silent = [...new Set(owners)].filter((host) => host !== self && !present.has(host));
  return silent.flatMap((host): Reclaimable[] => {
    if (!known.has(host) && !withEndpoints.has(host)) return [{ host, all: true }];
    const hasEmpty = blocks.some(({ spec }) => spec.host === host && Object.keys(spec.allocations).length === 0);
    return hasEmpty ? [{ host, all: false }] : [];
  });
}

export interface DeadHostsOptions {
  store: Store;
  objects: ObjectStore;
  log: Logger;
  /** What is known of the cluster but for the signs of life. */
  see(): Omit<Seen, 'present'>;
}

export class DeadHosts {
  readonly #options: DeadHostsOptions;
  /** When each was first found to be silent, in ms of the monotonic clock. */
  readonly #silentSince = new Map<string, number>();

  constructor(options: DeadHostsOptions) {
    this.#options = options;
  }

  /** One look; what has been silent for long enough is given back. Throws the store's error. */
  async reclaim(now = performance.now()): Promise<void> {
    const { store, objects, log, see } = this.#options;
    const prefix = presenceKey();
    const { entries } = await store.list(prefix);
    const found = reclaimable({ ...see(), present: new Set(entries.map(({ key }) => key.slice(prefix.length))) });
    for (const host of this.#silentSince.keys()) if (!found.some((one) => one.host === host)) this.#silentSince.delete(host);
    for (const { host } of found) if (!this.#silentSince.has(host)) this.#silentSince.set(host, now);
    if (found.length === 0) return;
    const { deadHostSeconds } = (await objects.get('IpamConfig', IPAM_CONFIG_NAME))?.object.spec ?? DEFAULT_IPAM_CONFIG;
    for (const { host, all } of found) {
      if (now - this.#silentSince.get(host)! < deadHostSeconds * 1000) continue;
      const { addresses, blocks } = await new Allocator({ store, host }).surrender({ all });
      if (addresses.length + blocks.length > 0) log.info({ host, addresses, blocks }, 'gave back what a host held that is gone');
    }
  }
}
