/** Keeps the kernel of this host in step with what is known: policy, networks with their own address space, and routes. */
import { Netlink } from '@weir/kernel';
import type { Muted } from '@weir/policy';
import { type AnyObject, type Endpoint, type ObjectId, spaceOf } from '@weir/resources';
import { changesRoutes } from '@weir/routing';
import type { Change, ClusterState } from './cluster-state.ts';
import type { AgentConfig } from './config.ts';
import { Dataplane } from './dataplane/dataplane.ts';
import { OwnNetworks } from './dataplane/own-networks.ts';
import { type Flannel, joinFlannel } from './flannel/join-flannel.ts';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';
import { HostRouting } from './routing/host-routing.ts';

export interface KernelSyncOptions {
  config: AgentConfig;
  state: ClusterState;
  log: Logger;
  metrics: Metrics;
  /** Called after routes were applied. */
  onRoutes: () => void;
  /** Called when the kernel refused something: it is to be tried again soon. */
  onFailure: () => void;
}

/** An endpoint that waits for the labels of its task is in no rule: its interface, which the table then does not know, carries nothing. */
function calculated(object: AnyObject | undefined): AnyObject | undefined {
  return object?.kind === 'Endpoint' && object.spec.waitsForLabels ? undefined : object;
}

export class KernelSync {
  readonly netlink = Netlink.open();
  readonly dataplane: Dataplane;
  readonly ownNetworks: OwnNetworks;
  readonly flannel: Flannel | undefined;
  readonly routing: HostRouting;
  readonly #of: KernelSyncOptions;
  #isAllKnown = false;
  #routesChanged = true;
  #failure: string | undefined;
  #scheduled: NodeJS.Immediate | undefined;

  constructor(options: KernelSyncOptions) {
    this.#of = options;
    const { config, state, log, metrics } = options;
    this.dataplane = new Dataplane({ host: config.host, vxlan: config.vxlan, log, metrics });
    this.ownNetworks = new OwnNetworks({ config, state, log, metrics });
    this.flannel = joinFlannel({ config, state, netlink: this.netlink, log, onChange: () => this.#learnFlannel() });
    this.#learnFlannel();
    this.routing = new HostRouting({ config, state, netlink: this.netlink, log, metrics, flannel: this.flannel?.ends });
  }

  /** What the kernel refused last; undefined when it has all that was applied. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Why the kernel is not as the objects want it; empty when it is. */
  get problems(): string[] {
    return [...(this.#failure === undefined ? [] : [this.#failure]), ...this.routing.problems];
  }

  /** Takes note of a change of an object; it is in force soon, or with the next `apply`. */
  learn({ before, after }: Change): void {
    const isRouted = changesRoutes(before, after);
    if (isRouted) this.#routesChanged = true;
    // Every ADD writes one, and should not wait for a look at rules that no block is in.
    if ((after ?? before)?.kind === 'Block' && !isRouted) return;
    const [old, now] = [calculated(before), calculated(after)];
    this.dataplane.learn(old, now);
    this.ownNetworks.learn(old, now);
    this.applySoon();
  }

  /** Takes note of an object that is in the store and not valid. */
  learnInvalid(id: ObjectId, value: unknown): void {
    this.dataplane.learnInvalid(id, value);
    this.ownNetworks.learnInvalid(id, value);
    this.applySoon();
  }

  /** An object that was not valid is gone. */
  forgetInvalid(id: ObjectId): void {
    this.dataplane.forget(id);
    this.ownNetworks.forget(id);
    this.applySoon();
  }

  /** See `Dataplane.mute`; in force soon. */
  mute(whom: Muted): void {
    this.dataplane.mute(whom);
    this.applySoon();
  }

  /** Everything that is in the store was learnt. Only from now on is it known what must not be in the kernel, so nothing is applied before. */
  allKnown(): void {
    this.#isAllKnown = true;
  }

  get isAllKnown(): boolean {
    return this.#isAllKnown;
  }

  /** Routes depend on more than objects: they are looked at with the next `apply`, which comes soon. */
  applyRoutesSoon(): void {
    this.#routesChanged = true;
    this.applySoon();
  }

  #learnFlannel(): void {
    if (this.flannel === undefined) return;
    this.dataplane.flannel(this.flannel.membership.tunnels);
    this.applyRoutesSoon();
  }

  /** Changes that come together are applied together. */
  applySoon(): void {
    if (!this.#isAllKnown) return;
    this.#scheduled ??= setImmediate(() => {
      this.#scheduled = undefined;
      try {
        this.apply();
      } catch {
        // Logged, shown by readiness, and tried again by reconciliation or the next change.
      }
    });
  }

  /** See `Dataplane.guard`. */
  guard(): void {
    this.dataplane.guard(this.#of.state.host?.spec);
  }

  /** Brings the kernel in step with what is known. Returns when it is; throws what the kernel refused. */
  apply(): void {
    const { state, log, metrics, onRoutes, onFailure } = this.#of;
    if (this.#scheduled !== undefined) clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    try {
      this.dataplane.apply(state.host?.spec);
      this.ownNetworks.apply();
      if (this.#routesChanged) {
        this.routing.apply();
        this.#routesChanged = false;
        onRoutes();
      }
      this.#failure = undefined;
    } catch (error) {
      this.#failure = `policy could not be brought in force: ${(error as Error).message}`;
      metrics.dataplaneFailures.inc();
      log.error({ err: error }, 'policy could not be brought in force');
      onFailure();
      throw error;
    } finally {
      metrics.endpoints.set(state.localCount);
    }
  }

  /** Looks at the tables again when somebody else changed nftables. Cheap when nobody did. Throws what the kernel refused. */
  repairTables(): void {
    if (!this.dataplane.isTouched && !this.ownNetworks.isTouched) return;
    this.forgetActual();
    this.apply();
  }

  /** The next `apply` tells bridges again to show policy their packets. */
  forgetBridges(): void {
    this.dataplane.forgetBridges();
    this.ownNetworks.forgetBridges();
  }

  /** The next `apply` looks at the kernel's tables again. */
  forgetActual(): void {
    this.dataplane.forgetActual();
    this.ownNetworks.forgetActual();
  }

  /** What the kernel lacks of the rules of an endpoint of this host, or has otherwise, each in a few words. Changes nothing. */
  drift(endpoint: Endpoint): string[] {
    // A change that is on its way is none.
    if (this.#scheduled !== undefined) this.apply();
    const space = spaceOf(endpoint.spec);
    const dataplane = space === undefined ? this.dataplane : this.ownNetworks.of(endpoint)?.dataplane;
    return dataplane?.drift(endpoint, this.#of.state.host?.spec) ?? [`the network "${space}" is not on this host`];
  }

  /** Resolves when the established flows are what everything that was applied so far allows. */
  async settled(): Promise<void> {
    await Promise.all([this.dataplane.settled(), this.ownNetworks.settled()]);
  }

  async close(): Promise<void> {
    if (this.#scheduled !== undefined) clearImmediate(this.#scheduled);
    await this.ownNetworks.close();
    this.dataplane.close();
    this.netlink.close();
  }
}
