/**
 * What the CNI tools ask of policy: an endpoint's rules in force before ADD returns, and nothing let through once DEL has.
 * On the way in the store is written first, so that other hosts learn of the endpoint while this one works; on the way out the kernel is closed first.
 */
import { type ObjectStore, StoreError } from '@weir/datastore';
import type { Companion } from '@weir/ipam';
import { type Endpoint, hostSockets, keyOf, serialize } from '@weir/resources';
import type { ClusterState } from '../cluster-state.ts';
import type { Logger } from '../log.ts';
import type { Owner } from './attachments.ts';
import { HostPortClaims } from './host-port-claims.ts';
import { openLoopback } from './host-port-loopback.ts';

export interface EnforcementOptions {
  objects: ObjectStore;
  state: ClusterState;
  /** Brings the kernel in step with the state; returns when it is. */
  apply: () => void;
  /** What the kernel lacks of an endpoint's rules, or has otherwise. */
  drift: (endpoint: Endpoint) => string[];
  /** False while the store is known to be away: a DEL is not to wait for an answer that will not come. */
  isStoreThere: () => boolean;
  /** Called when something stays for reconciliation to remove. */
  leave: () => void;
  log: Logger;
}

export class Enforcement {
  readonly #options: EnforcementOptions;
  /** Withdrawn here, while the store could not be told. */
  readonly #unremoved = new Map<string, Endpoint>();
  readonly #hostPorts: HostPortClaims;

  constructor(options: EnforcementOptions) {
    this.#options = options;
    this.#hostPorts = new HostPortClaims(() => options.state.localEndpoints());
  }

  /** This host's endpoints, as the store has them: also those that are withdrawn and only wait for the store. */
  get stored(): Endpoint[] {
    return [...this.#options.state.localEndpoints(), ...this.#unremoved.values()];
  }

  async enforce(endpoint: Endpoint): Promise<void> {
    const { objects, state, apply } = this.#options;
    // What an earlier, killed ADD left, when the namespace in the network's configuration was another one then.
    const leftover = state.localEndpoint(endpoint.spec);
    // Written with its addresses, and nobody changed it since.
    if (leftover === endpoint) return apply();
    if (leftover !== undefined && keyOf(leftover) !== keyOf(endpoint)) await this.withdraw(endpoint.spec);
    await this.#hostPorts.during(endpoint, async () => this.#written(endpoint, await objects.put(endpoint)));
    apply();
  }

  /** Writes the endpoint with its addresses, so that `enforce` finds it written. Undefined where something else has to come first. */
  companion(endpoint: Endpoint | undefined): Companion | undefined {
    if (endpoint === undefined || hostSockets(endpoint.spec).length > 0) return undefined;
    const leftover = this.#options.state.localEndpoint(endpoint.spec);
    if (leftover !== undefined && keyOf(leftover) !== keyOf(endpoint)) return undefined;
    return {
      write: { put: keyOf(endpoint), value: serialize(endpoint) },
      written: (revision) => this.#written(endpoint, revision),
    };
  }

  #written(endpoint: Endpoint, revision: number): void {
    this.#unremoved.delete(keyOf(endpoint));
    this.#options.state.put(endpoint, revision);
  }

  async openLoopback(endpoint: Endpoint): Promise<void> {
    openLoopback(endpoint);
  }

  /** Changes an endpoint whose container runs on; nothing when it is gone. Throws ECONFLICT when somebody else changed it meanwhile. */
  async amend(owner: Owner, change: (endpoint: Endpoint) => Endpoint): Promise<void> {
    const before = await this.find(owner);
    if (before === undefined) return;
    const after = change(before);
    if (serialize(after) === serialize(before)) return;
    const { objects, state, apply } = this.#options;
    const key = keyOf(before);
    const revision = state.revisionOf(key);
    if (keyOf(after) === key) state.put(after, await objects.put(after, { revision }));
    else {
      // Into another namespace in one write: killed between two, its link would be nobody's, and removed.
      const moved = await objects.move(before, after, revision);
      state.forget(key);
      state.put(after, moved);
    }
    apply();
  }

  async withdraw(owner: Owner): Promise<Endpoint | undefined> {
    const endpoint = await this.find(owner);
    if (endpoint === undefined) return undefined;
    const { state, apply } = this.#options;
    state.forget(keyOf(endpoint));
    apply();
    await this.remove(endpoint);
    return endpoint;
  }

  async find(owner: Owner): Promise<Endpoint | undefined> {
    return this.#options.state.localEndpoint(owner);
  }

  async drift(endpoint: Endpoint): Promise<string[]> {
    return this.#options.drift(endpoint);
  }

  /** Removes an endpoint from the store; while that cannot be reached, remembers to. */
  async remove(endpoint: Endpoint): Promise<void> {
    const { isStoreThere, leave, log } = this.#options;
    this.#unremoved.set(keyOf(endpoint), endpoint);
    if (!isStoreThere()) return leave();
    try {
      await this.#removeStored(endpoint);
      this.#unremoved.delete(keyOf(endpoint));
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      // The container is gone whether the store knows or not; reconciliation tells it later.
      log.warn(
        { endpoint: endpoint.metadata.name, containerId: endpoint.spec.containerId, error: error.message },
        'endpoint stays in the store for now',
      );
      leave();
    }
  }

  /** One round trip instead of two where nobody wrote the endpoint since we heard of it. */
  async #removeStored(endpoint: Endpoint): Promise<void> {
    const { objects, state } = this.#options;
    const { name, namespace } = endpoint.metadata;
    const revision = state.revisionOf(keyOf(endpoint));
    try {
      await objects.remove('Endpoint', name, namespace, { revision });
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== 'ECONFLICT') throw error;
      await objects.remove('Endpoint', name, namespace);
    }
  }
}
