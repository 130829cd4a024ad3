/**
 * Other clusters' endpoints, copied into this one's store by one agent: one connection over the wide area instead of one for each host, and a
 * link that is down, or an agent that starts meanwhile, takes no peer away. Nothing is written to the other cluster.
 */
import { type Condition, ObjectStore, openStore, type Store, type StoreOptions } from '@weir/datastore';
import { remoteRanges } from '@weir/policy';
import { keyOf, type ObjectId, parseKey, type RemoteCluster, type RemoteClusterStatus, serialize } from '@weir/resources';
import type { Change, ClusterState } from '../cluster-state.ts';
import type { AgentConfig } from '../config.ts';
import { whileLeading } from '../hosts/election.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { Pause } from '../pause.ts';
import { RemoteCopy } from './remote-copy.ts';
import { RemoteView } from './remote-view.ts';

/** One at a time, each under its own prefix: who reads need not be allowed to read anything else of the other cluster. */
const KINDS = ['Endpoint', 'Namespace'] as const;

/** Between two looks at whether the numbers of the status are still right, in milliseconds. */
const STATUS_INTERVAL = 5_000;

interface Following {
  config: AgentConfig;
  store: Store;
  state: ClusterState;
  log: Logger;
  metrics: Metrics;
}

export class RemoteClusters {
  readonly #of: Following;
  readonly #readers = new Map<string, Reader>();

  constructor(of: Following) {
    this.#of = of;
  }

  /** Takes note of a change of an object of this cluster. */
  learn({ key, before, after }: Change): void {
    const kind = (after ?? before)?.kind;
    if (before?.kind === 'RemoteEndpoint' && after === undefined) this.#readers.get(before.spec.cluster)?.lost(key);
    if (kind === 'RemoteCluster' || kind === 'Pool') for (const reader of this.#readers.values()) reader.look();
  }

  /** What is wrong with those that this host reads, for people. */
  get problems(): string[] {
    return [...this.#readers.values()].flatMap(({ problem }) => problem ?? []);
  }

  /** Reads those of the configuration, each while this host leads, until the signal. */
  async follow(signal: AbortSignal): Promise<void> {
    const { config, store, log } = this.#of;
    const election = { store, host: config.host, ttlSeconds: config.presenceTtl, signal, log };
    await Promise.all(
      [...(config.remoteClusters ?? [])].map(([cluster, options]) =>
        whileLeading({ ...election, name: `remote-cluster-${cluster}` }, (lead, held) => this.#read({ cluster, options, held }, lead)),
      ),
    );
  }

  async #read({ cluster, options, held }: { cluster: string; options: StoreOptions; held: Condition }, lead: AbortSignal): Promise<void> {
    const remote = await openStore(options, { check: false });
    const view = new RemoteView(cluster);
    try {
      const copy = await RemoteCopy.open({ store: this.#of.store, held, view, cluster });
      const reader = new Reader({ ...this.#of, cluster, remote, held, view, copy });
      this.#readers.set(cluster, reader);
      await reader.run(lead);
    } finally {
      this.#readers.delete(cluster);
      const { metrics } = this.#of;
      metrics.remoteConnected.set({ cluster }, 0);
      for (const state of ['believed', 'refused']) metrics.remoteEndpoints.set({ cluster, state }, 0);
      await remote.close();
    }
  }
}

interface ReaderOptions extends Following {
  cluster: string;
  /** The other cluster's. */
  remote: Store;
  held: Condition;
  view: RemoteView;
  copy: RemoteCopy;
}

/** Of one cluster, while this host leads. */
class Reader {
  readonly #of: ReaderOptions;
  readonly #pause = new Pause();
  /** Kinds whose objects are not all known yet. */
  readonly #awaited = new Set<string>(KINDS);
  readonly #away = new Map<string, string>();
  #told: { news: string; numbers: string; at: number } | undefined;

  constructor(of: ReaderOptions) {
    this.#of = of;
  }

  get problem(): string | undefined {
    const [reason] = this.#away.values();
    if (reason !== undefined)
      return `remote cluster ${this.#of.cluster}: its store cannot be reached, and its endpoints are as they were: ${reason}`;
    return this.#object === undefined
      ? `remote cluster ${this.#of.cluster}: there is no RemoteCluster of that name, so nothing of it is believed`
      : undefined;
  }

  /** To be called when this cluster's RemoteClusters or pools have changed. */
  look(): void {
    const { view, copy, cluster, state } = this.#of;
    copy.changed(view.believe(remoteRanges(state.list('RemoteCluster'), state.list('Pool')).get(cluster)));
    this.#pause.cut();
  }

  /** To be called when this cluster's store has an endpoint no more. @param key here */
  lost(key: string): void {
    this.#of.copy.lost(key);
    this.#pause.cut();
  }

  async run(lead: AbortSignal): Promise<void> {
    this.look();
    const stop = new AbortController();
    const signal = AbortSignal.any([lead, stop.signal]);
    try {
      await Promise.all([this.#write(signal).finally(() => stop.abort()), ...KINDS.map((kind) => this.#follow(kind, signal))]);
    } finally {
      stop.abort();
    }
  }

  async #follow(kind: (typeof KINDS)[number], signal: AbortSignal): Promise<void> {
    const { remote, view, copy, cluster, log } = this.#of;
    const put = (id: ObjectId, value: unknown) => copy.changed(view.put(id, value));
    for await (const event of new ObjectStore(remote).snapshotAndWatch([kind], { signal })) {
      switch (event.type) {
        case 'put':
          put(parseKey(keyOf(event.object))!, event.object);
          break;
        case 'invalid':
          if (event.id !== undefined) put(event.id, event.value);
          break;
        case 'remove':
          put(event, undefined);
          break;
        case 'synced':
          this.#awaited.delete(kind);
          break;
        case 'disconnected':
          this.#away.set(kind, event.error.message);
          log.warn(
            { cluster, error: event.error.message },
            'the store of a remote cluster cannot be reached; its endpoints stay as they were',
          );
          break;
        case 'connected':
          this.#away.delete(kind);
          log.info({ cluster }, 'the store of a remote cluster answers again');
          break;
      }
      this.#pause.cut();
    }
  }

  /** Changes that come together are written together; until all is known nothing is. */
  async #write(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#awaited.size === 0 && !(await this.#of.copy.write())) return;
      await this.#tell();
      await this.#pause.for(STATUS_INTERVAL, signal);
    }
  }

  get #object(): RemoteCluster | undefined {
    const { state, cluster } = this.#of;
    return [...state.list('RemoteCluster')].find(({ metadata }) => metadata.name === cluster);
  }

  /** In the object's status, when it is another one; numbers alone are told now and then. */
  async #tell(): Promise<void> {
    const { cluster, copy, config, metrics, store } = this.#of;
    const { count: refused, example } = copy.refused;
    metrics.remoteConnected.set({ cluster }, this.#away.size === 0 ? 1 : 0);
    metrics.remoteEndpoints.set({ cluster, state: 'believed' }, copy.count);
    metrics.remoteEndpoints.set({ cluster, state: 'refused' }, refused);
    const object = this.#object;
    if (object === undefined || (this.#awaited.size > 0 && this.#away.size === 0)) return;
    const [problem] = this.#away.values();
    const now = performance.now();
    const news = JSON.stringify([problem, refused > 0, object.status === undefined]);
    const numbers = JSON.stringify([copy.count, refused]);
    if (this.#told?.news === news && (this.#told.numbers === numbers || now - this.#told.at < STATUS_INTERVAL)) return;
    const key = keyOf(object);
    const stored = await store.get(key);
    if (stored === undefined) return;
    const latest = JSON.parse(stored.value) as RemoteCluster;
    const known = latest.status as RemoteClusterStatus | undefined;
    const state = problem === undefined ? 'Connected' : 'Away';
    const status: RemoteClusterStatus = {
      host: config.host,
      state,
      since: known?.state === state ? known.since : new Date().toISOString(),
      ...(problem !== undefined && { problem }),
      endpoints: copy.count,
      refused,
      ...(example !== undefined && { refusal: example }),
    };
    const value = serialize({ ...latest, status });
    const isTold =
      value === stored.value ||
      (await store.transact({ when: [{ key, revision: stored.revision }, this.#of.held], then: [{ put: key, value }] })).committed;
    // Somebody changed it in between: the next look tells.
    if (isTold) this.#told = { news, numbers, at: now };
  }
}
