/** Follows the objects in the store, from one revision on, into the cluster's state and from there into the kernel. */
import type { ObjectEvent, ObjectStore } from '@weir/datastore';
import { type Kind, keyOf, keyPrefix } from '@weir/resources';
import { AgentError } from './agent-error.ts';
import type { ClusterState } from './cluster-state.ts';
import type { KernelSync } from './kernel-sync.ts';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';

/** All that policy, routes and names of a host depend on. */
const KINDS = [
  'BgpConfig',
  'BgpFilter',
  'BgpPeer',
  'Block',
  'Endpoint',
  'GlobalNetworkSet',
  'GlobalPolicy',
  'Host',
  'HostEndpoint',
  'IpamConfig',
  'Namespace',
  'Network',
  'NetworkSet',
  'Policy',
  'Pool',
  'RemoteCluster',
  'RemoteEndpoint',
  'Service',
  'Tier',
] as const satisfies readonly Kind[];

export interface StoreFollowerOptions {
  objects: ObjectStore;
  state: ClusterState;
  kernel: KernelSync;
  /** Called when something stays for reconciliation to remove. */
  leave: () => void;
  log: Logger;
  metrics: Metrics;
}

export interface OnceOptions {
  storeMayBeAway: boolean;
  onlyLook: boolean;
}

export class StoreFollower {
  readonly #of: StoreFollowerOptions;
  /** Objects in the store that are not valid, by key, and why. */
  readonly #invalid = new Map<string, string>();
  readonly #synced = Promise.withResolvers<void>();
  #isInForce = false;
  /** This host's endpoints before the store was another one, until all that it has is known. */
  #endpointsBefore: string[] | undefined;
  #isConnected = true;

  constructor(options: StoreFollowerOptions) {
    this.#of = options;
  }

  /** Resolves when everything that was in the store is known and in force. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  get isInForce(): boolean {
    return this.#isInForce;
  }

  /** False while the store is known to be away. */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Why what is known is not what the store has, for people. */
  get problems(): string[] {
    const problems = this.#isInForce ? [] : ['the store has not been read yet'];
    if (!this.#isConnected) problems.push('the store cannot be reached; what was known last is in force');
    return problems;
  }

  /** Until the signal. */
  async follow(signal: AbortSignal): Promise<void> {
    const { objects, state } = this.#of;
    const isKnown = (key: string, revision: number) => revision <= state.revisionOf(key) && !this.#invalid.has(key);
    for await (const event of objects.snapshotAndWatch(KINDS, { signal, isKnown })) this.#take(event);
  }

  /**
   * For a single call: all that is in the store, in force.
   *
   * @param options.storeMayBeAway go on without the store when it cannot be reached
   * @param options.onlyLook nothing is put in force: the call is to find out what is not
   */
  async once(options: OnceOptions): Promise<void> {
    const stop = new AbortController();
    for await (const event of this.#of.objects.snapshotAndWatch(KINDS, { signal: stop.signal })) {
      if (event.type === 'disconnected') {
        if (options.storeMayBeAway) break;
        throw event.error;
      }
      if (event.type === 'synced' && options.onlyLook) break;
      this.#take(event);
      if (event.type === 'synced') break;
    }
    stop.abort();
    const { failure } = this.#of.kernel;
    if (failure !== undefined) throw new AgentError('ENOTREADY', failure);
  }

  #take(event: ObjectEvent): void {
    const { state, kernel, log, metrics } = this.#of;
    switch (event.type) {
      case 'put':
        this.#invalid.delete(keyOf(event.object));
        state.put(event.object, event.revision);
        break;
      case 'remove': {
        const key = keyPrefix(event.kind, event.namespace) + event.name;
        // Of what never was valid the state does not know.
        if (this.#invalid.delete(key)) kernel.forgetInvalid(event);
        state.remove(key, event.revision);
        break;
      }
      case 'invalid':
        this.#invalid.set(event.key, event.error.message);
        log.error({ key: event.key, error: event.error.message }, 'an object in the store is not valid');
        if (event.id !== undefined) kernel.learnInvalid(event.id, event.value);
        break;
      case 'restored':
        this.#endpointsBefore = state.localEndpoints().map(keyOf);
        state.doubtAll();
        log.warn(
          { revisionBefore: event.before, revision: event.revision },
          'the store is not the one that it was, as after a restore from a backup: all of it is read anew',
        );
        break;
      case 'synced':
        this.#dropWhatIsLost();
        this.#sync();
        break;
      case 'disconnected':
        this.#isConnected = false;
        log.warn({ error: event.error.message }, 'the store cannot be reached; what was known last stays in force');
        break;
      case 'connected':
        this.#isConnected = true;
        log.info('the store answers again');
        break;
    }
    metrics.invalidObjects.set(this.#invalid.size);
    metrics.storeConnected.set(this.#isConnected ? 1 : 0);
  }

  /** Of what the store had before it was restored. */
  #dropWhatIsLost(): void {
    const { state, leave, log } = this.#of;
    const before = this.#endpointsBefore;
    if (before === undefined) return;
    this.#endpointsBefore = undefined;
    state.dropUntold();
    leave();
    const now = new Set(state.localEndpoints().map(keyOf));
    const endpoints = before.filter((key) => !now.has(key)).map((key) => key.slice(keyPrefix('Endpoint').length));
    if (endpoints.length > 0)
      log.warn(
        { endpoints },
        'the restored store does not know these containers: they are cut off and their links removed; start their tasks again',
      );
  }

  #sync(): void {
    const { state, kernel, log } = this.#of;
    const first = !kernel.isAllKnown;
    kernel.allKnown();
    try {
      kernel.apply();
      if (first) log.info({ endpoints: state.localEndpoints().length }, 'policy and routes are in force');
    } catch {
      // Logged, shown by readiness, and tried again by reconciliation or the next change.
    }
    kernel.settled().then(() => {
      this.#isInForce = true;
      this.#synced.resolve();
    });
  }
}
