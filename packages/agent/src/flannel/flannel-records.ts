/** What flannel's etcd holds of a network, as it was told last. */
import type { Entry, StoreEvent } from '@weir/datastore';
import { type FlannelNetwork, type FlannelPeer, parseFlannelNetwork, parseLease, RoutingError } from '@weir/routing';

interface Told {
  entry: Entry;
  /** Absent, with `error`, when it cannot be read. */
  peer?: FlannelPeer;
  error?: string;
}

export class FlannelRecords {
  readonly #prefix: string;
  #config: string | undefined;
  readonly #leases = new Map<string, Told>();

  /** @param prefix of all keys, without a slash at its end */
  constructor(prefix: string, entries: Iterable<Entry>) {
    this.#prefix = prefix;
    for (const entry of entries) this.take({ type: 'put', entry });
  }

  /** @returns the lease that changed, by the last part of its key, or `config`; undefined for a key that is neither */
  take(event: StoreEvent): string | undefined {
    const key = event.type === 'put' ? event.entry.key : event.key;
    if (key === `${this.#prefix}/config`) {
      this.#config = event.type === 'put' ? event.entry.value : undefined;
      return 'config';
    }
    const folder = `${this.#prefix}/subnets/`;
    if (!key.startsWith(folder)) return undefined;
    const name = key.slice(folder.length);
    if (event.type === 'put') this.#leases.set(name, { entry: event.entry, ...parsed(name, event.entry.value) });
    else this.#leases.delete(name);
    return name;
  }

  keyOf(name: string): string {
    return `${this.#prefix}/subnets/${name}`;
  }

  /** Throws RoutingError EFLANNEL. */
  network(): FlannelNetwork {
    if (this.#config === undefined) throw new RoutingError('EFLANNEL', `flannel's etcd has no ${this.#prefix}/config`);
    return parseFlannelNetwork(this.#config);
  }

  get config(): string | undefined {
    return this.#config;
  }

  entry(name: string): Entry | undefined {
    return this.#leases.get(name)?.entry;
  }

  /**
   * By the last part of their keys, what was written last at the end: of two leases with one hardware address, as a host has them whose address
   * was changed, the later one is right. Undefined for one that cannot be read.
   */
  get leases(): ReadonlyMap<string, FlannelPeer | undefined> {
    return new Map(this.#inOrder().map(([name, { peer }]) => [name, peer]));
  }

  #inOrder(): [string, Told][] {
    return [...this.#leases].sort(([, one], [, other]) => one.entry.revision - other.entry.revision);
  }

  /** Leases that cannot be read, for people. */
  get unreadable(): string[] {
    return [...this.#leases].flatMap(([name, { error }]) =>
      error === undefined ? [] : [`flannel's lease ${name} cannot be read: ${error}`],
    );
  }

  /** Values by key. */
  get values(): Record<string, string> {
    const config = this.#config === undefined ? {} : { [`${this.#prefix}/config`]: this.#config };
    return { ...config, ...Object.fromEntries(this.#inOrder().map(([, { entry }]) => [entry.key, entry.value])) };
  }
}

function parsed(name: string, value: string): { peer: FlannelPeer } | { error: string } {
  try {
    return { peer: parseLease(name, value) };
  } catch (error) {
    return { error: (error as Error).message };
  }
}
