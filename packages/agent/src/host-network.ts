/**
 * One host between store and kernel: follows the objects, keeps policy and routes in step, and offers the CNI tools what they need.
 * The daemon keeps one for its lifetime; a one-shot process, which serves a call while no agent runs, makes one for that call.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Call, type Outage, ResultCache, type Services, type Task } from '@weir/cni';
import { type ObjectEvent, ObjectStore, openStore, type Store } from '@weir/datastore';
import { type AllocationRequest, Allocator, type Assigned, IpamError, type IpamErrorCode, type Owner } from '@weir/ipam';
import { Netlink } from '@weir/kernel';
import { MarathonClient, MesosAgentClient } from '@weir/mesos';
import { type AnyObject, type Endpoint, keyOf, keyPrefix, spaceOf } from '@weir/resources';
import { changesRoutes, findHostEnd, hostSetup, LinkReaper } from '@weir/routing';
import { AgentError } from './agent-error.ts';
import type { Attachments, Later } from './calls/attachments.ts';
import { Enforcement } from './calls/enforcement.ts';
import { openLoopback } from './calls/host-port-loopback.ts';
import { ClusterState, type Listener } from './cluster-state.ts';
import type { AgentConfig } from './config.ts';
import { Dataplane } from './dataplane/dataplane.ts';
import { OwnNetworks } from './dataplane/own-networks.ts';
import { DnsLearner } from './dns/dns-learner.ts';
import { ResolvedNames } from './dns/resolved-names.ts';
import type { Policy } from './flows/flow-description.ts';
import { DeadHosts, type Seen } from './hosts/dead-hosts.ts';
import { whileLeading } from './hosts/election.ts';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';
import { collectOrphans } from './orphans/collect-orphans.ts';
import { collectStale } from './orphans/collect-stale.ts';
import { HostLinks } from './routing/host-links.ts';
import { HostRouting } from './routing/host-routing.ts';
import { RoutingUpkeep } from './routing/routing-upkeep.ts';
import { followTasks } from './tasks/follow-tasks.ts';
import { MarathonFollower } from './tasks/marathon-follower.ts';
import { MesosTasks } from './tasks/mesos-tasks.ts';
import { networkLabels, TaskLabels } from './tasks/task-labels.ts';
import { UnknownContainers } from './tasks/unknown-containers.ts';

/** All that policy and routes of a host depend on. */
const KINDS = [
  'Block',
  'Endpoint',
  'GlobalNetworkSet',
  'GlobalPolicy',
  'Host',
  'HostEndpoint',
  'Namespace',
  'Network',
  'NetworkSet',
  'Policy',
  'Pool',
  'Tier',
] as const;

/** An endpoint that waits for the labels of its task is in no rule: its interface, which the table then does not know, carries nothing. */
function calculated(object: AnyObject | undefined): AnyObject | undefined {
  return object?.kind === 'Endpoint' && object.spec.waitsForLabels ? undefined : object;
}

/** Codes of allocations that an address on its way back may help. */
const WAITS: readonly IpamErrorCode[] = ['EEXHAUSTED', 'ETAKEN'];

/** How long an address is waited for that its last container no longer needs, and how often it is looked for, ms. */
const RETURN_PATIENCE = 2_000;
const RETURN_PAUSE = 50;

export interface HostNetworkOptions {
  config: AgentConfig;
  log: Logger;
  metrics: Metrics;
  /** True for a process that is there for the next call too, and may work ahead of it. Default false. */
  stays?: boolean;
}

export class HostNetwork {
  readonly store: Store;
  readonly upkeep: RoutingUpkeep;
  readonly #objects: ObjectStore;
  readonly #config: AgentConfig;
  readonly #log: Logger;
  readonly #metrics: Metrics;
  readonly #allocator: Allocator;
  readonly #netlink = Netlink.open();
  readonly #reaper = new LinkReaper(this.#netlink);
  readonly #dataplane: Dataplane;
  readonly #ownNetworks: OwnNetworks;
  readonly #links: HostLinks;
  readonly #results: ResultCache;
  readonly #routing: HostRouting;
  readonly #state: ClusterState;
  readonly #enforcement: Enforcement;
  readonly #names: ResolvedNames;
  readonly #deadHosts: DeadHosts;
  readonly #tasks: MesosTasks | undefined;
  readonly #taskLabels: TaskLabels;
  readonly #invalid = new Map<string, string>();
  readonly #synced = Promise.withResolvers<void>();
  #somethingLeft = Promise.withResolvers<void>();
  /** What DELs do after their answers. */
  readonly #removals = new Set<Promise<void>>();
  #isSynced = false;
  #isInForce = false;
  #isConnected = true;
  #routesChanged = true;
  #failure: string | undefined;
  #scheduled: NodeJS.Immediate | undefined;

  static async open(options: HostNetworkOptions): Promise<HostNetwork> {
    hostSetup();
    return new HostNetwork(options, await openStore(options.config.store, { check: false }));
  }

  private constructor({ config, log, metrics, stays = false }: HostNetworkOptions, store: Store) {
    this.#config = config;
    this.#log = log;
    this.#metrics = metrics;
    this.store = store;
    this.#objects = new ObjectStore(store);
    this.#results = new ResultCache(join(config.runDir, 'results'));
    this.#allocator = new Allocator({
      store,
      host: config.host,
      ahead: stays,
      onWritten: (block, revision) => this.#state.put(block, revision),
    });
    this.#dataplane = new Dataplane({ host: config.host, vxlan: config.vxlan, log, metrics });
    this.#names = new ResolvedNames({
      path: join(config.runDir, 'names.json'),
      onChange: (endpoint, name, addresses) => this.#dataplane.resolved(endpoint, name, addresses),
    });
    this.#names.load();
    this.#state = new ClusterState(config.host, (change) => this.#learn(change));
    this.#ownNetworks = new OwnNetworks({ config, state: this.#state, log, metrics });
    this.#links = new HostLinks({ netlink: this.#netlink, reaper: this.#reaper, ownNetworks: this.#ownNetworks });
    this.#deadHosts = new DeadHosts({ store, objects: this.#objects, log, see: () => this.#whatHostsHave() });
    this.#routing = new HostRouting({ config, state: this.#state, netlink: this.#netlink, log, metrics });
    this.upkeep = new RoutingUpkeep({
      config,
      store,
      objects: this.#objects,
      allocator: this.#allocator,
      state: this.#state,
      routing: this.#routing,
      netlink: this.#netlink,
      log,
      applySoon: () => {
        this.#routesChanged = true;
        this.#applySoon();
      },
    });
    this.#tasks = config.mesos && new MesosTasks({ client: new MesosAgentClient(config.mesos), log, metrics });
    this.#taskLabels = new TaskLabels({
      stores: { store, objects: this.#objects },
      isFollowed: config.marathon !== undefined,
      learn: (object, revision) => this.#state.put(object, revision),
    });
    this.#enforcement = new Enforcement({
      objects: this.#objects,
      state: this.#state,
      apply: () => this.apply(),
      drift: (endpoint) => this.#drift(endpoint),
      openLoopback,
      isStoreThere: () => this.#isConnected,
      leave: () => this.#leave(),
      log,
    });
  }

  #drift(endpoint: Endpoint): string[] {
    const space = spaceOf(endpoint.spec);
    if (space === undefined) return this.#dataplane.drift(endpoint);
    return this.#ownNetworks.of(endpoint)?.dataplane.drift(endpoint) ?? [`the network "${space}" is not on this host`];
  }

  /** Resolves when everything that was in the store is known and in force. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  get policy(): Policy {
    return this.#dataplane.policy;
  }

  /** Resolves when something could not be removed, because the store is away, say: reconciliation is to try soon. */
  get somethingLeft(): Promise<void> {
    return this.#somethingLeft.promise;
  }

  #leave(): void {
    this.#somethingLeft.resolve();
    this.#somethingLeft = Promise.withResolvers();
  }

  /** Why this host is not as the store wants it; empty when it is. */
  get problems(): string[] {
    const problems = this.#isInForce ? [] : ['the store has not been read yet'];
    if (!this.#isConnected) problems.push('the store cannot be reached; what was known last is in force');
    if (this.#failure !== undefined) problems.push(this.#failure);
    problems.push(...this.#routing.problems);
    if (this.#tasks?.failure !== undefined) problems.push(`${this.#tasks.failure}; labels of tasks are awaited`);
    return problems;
  }

  /** True once the kernel was brought in step for the first time, and the last change could be applied. */
  get ready(): boolean {
    return this.#isInForce && this.#failure === undefined;
  }

  /** Follows the store until the signal. */
  async follow(signal: AbortSignal): Promise<void> {
    const isKnown = (key: string, revision: number) => revision <= this.#state.revisionOf(key) && !this.#invalid.has(key);
    for await (const event of this.#objects.snapshotAndWatch(KINDS, { signal, isKnown })) this.#take(event);
  }

  #take(event: ObjectEvent): void {
    switch (event.type) {
      case 'put':
        this.#invalid.delete(keyOf(event.object));
        this.#state.put(event.object, event.revision);
        break;
      case 'remove': {
        const key = keyPrefix(event.kind, event.namespace) + event.name;
        // Of what never was valid the state does not know.
        if (this.#invalid.delete(key)) {
          this.#dataplane.forget(event);
          this.#ownNetworks.forget(event);
        }
        if (this.#isSynced) this.#applySoon();
        this.#state.remove(key, event.revision);
        break;
      }
      case 'invalid':
        this.#invalid.set(event.key, event.error.message);
        this.#log.error({ key: event.key, error: event.error.message }, 'an object in the store is not valid');
        if (event.id !== undefined) {
          this.#dataplane.learnInvalid(event.id, event.value);
          this.#ownNetworks.learnInvalid(event.id, event.value);
        }
        if (this.#isSynced) this.#applySoon();
        break;
      case 'synced':
        this.#sync();
        break;
      case 'disconnected':
        this.#isConnected = false;
        this.#log.warn({ error: event.error.message }, 'the store cannot be reached; what was known last stays in force');
        break;
      case 'connected':
        this.#isConnected = true;
        this.#log.info('the store answers again');
        break;
    }
    this.#metrics.invalidObjects.set(this.#invalid.size);
    this.#metrics.storeConnected.set(this.#isConnected ? 1 : 0);
  }

  readonly #learn: Listener = ({ before, after }) => {
    if (changesRoutes(before, after)) this.#routesChanged = true;
    const [old, now] = [calculated(before), calculated(after)];
    this.#dataplane.learn(old, now);
    this.#ownNetworks.learn(old, now);
    if (before?.kind === 'Endpoint' && after === undefined) this.#names.forget(keyOf(before));
    if (this.#isSynced) this.#applySoon();
  };

  /** Changes that come together are applied together. */
  #applySoon(): void {
    this.#scheduled ??= setImmediate(() => {
      this.#scheduled = undefined;
      try {
        this.apply();
      } catch {
        // Logged, shown by readiness, and tried again by reconciliation or the next change.
      }
    });
  }

  /** All that there was is known: only now is it known too what must not be there. */
  #sync(): void {
    const first = !this.#isSynced;
    this.#isSynced = true;
    try {
      this.apply();
      if (first) this.#log.info({ endpoints: this.#state.localEndpoints().length }, 'policy and routes are in force');
    } catch {
      // As above.
    }
    this.#settled().then(() => {
      this.#isInForce = true;
      this.#synced.resolve();
    });
  }

  /** Brings the kernel in step with what is known. Returns when it is; throws what the kernel refused. */
  apply(): void {
    try {
      this.#dataplane.apply(this.#state.host?.spec);
      this.#ownNetworks.apply();
      if (this.#routesChanged) {
        this.#routing.apply();
        this.#routesChanged = false;
        this.upkeep.applied();
      }
      this.#failure = undefined;
    } catch (error) {
      this.#failure = `policy could not be brought in force: ${(error as Error).message}`;
      this.#metrics.dataplaneFailures.inc();
      this.#log.error({ err: error }, 'policy could not be brought in force');
      this.#leave();
      throw error;
    } finally {
      this.#metrics.endpoints.set(this.#state.localEndpoints().length);
    }
  }

  /** Looks at the table again when somebody else changed nftables. Cheap when nobody did. */
  repairTable(): void {
    if (!this.#dataplane.isTouched && !this.#ownNetworks.isTouched) return;
    this.#forgetActual();
    this.apply();
  }

  /** Looks at the kernel again, in case somebody else changed it, and tries again what failed. */
  refresh(): void {
    this.#forgetActual();
    this.apply();
    if (this.#routing.dropUnwantedTunnel()) this.#log.info('no pool wants tunnels any more: their interface is removed');
    this.upkeep.repair();
    this.#ownNetworks.repair();
  }

  #forgetActual(): void {
    this.#dataplane.forgetActual();
    this.#ownNetworks.forgetActual();
  }

  async #settled(): Promise<void> {
    await Promise.all([this.#dataplane.settled(), this.#ownNetworks.settled()]);
  }

  #whatHostsHave(): Omit<Seen, 'present'> {
    return {
      self: this.#config.host,
      blocks: [...this.#state.list('Block')],
      known: new Set([...this.#state.list('Host')].map(({ metadata }) => metadata.name)),
      withEndpoints: new Set([...this.#state.list('Endpoint')].map(({ spec }) => spec.host)),
    };
  }

  #outage(): Outage | undefined {
    if (this.ready && this.#isConnected) return undefined;
    return { message: this.problems.join('; '), hurtsContainers: this.#failure !== undefined };
  }

  /**
   * What the CNI tools work with.
   * @param later takes work that may go on after the answer
   * @param attachments the calls that are under way
   */
  services(later: Later, attachments: Attachments): Services {
    return {
      host: this.#config.host,
      addresses: {
        allocate: (request) => this.#allocate(request),
        release: (owner) => this.#allocator.release(owner),
        held: () => this.#allocator.held(),
        probe: (request) => this.#allocator.probe(request),
      },
      wiring: {
        spaceFor: (network) => this.#state.spaceFor(network),
        spaceOf: (hostInterface) => this.#links.spaceOf(hostInterface),
        attach: (request) => {
          const { finish, abandon } = this.#links.attach(request);
          // No pool of another address space has a say, even if it has the address.
          const mtuFor = (addresses: string[]) => this.#routing.mtuFor(request.space === undefined ? addresses : []);
          return { finish: (settings) => finish({ ...settings, mtu: settings.mtu ?? mtuFor(settings.addresses) }), abandon };
        },
        detach: async (hostInterface) => {
          await this.#links.remove(hostInterface);
          // The next one to have the address must not inherit flows.
          await this.#dataplane.settled();
        },
        inspect: async (where) => this.#links.inspect(where),
        findHostEnd,
      },
      ...(this.#tasks && { findTask: (call: Call) => this.#findTask(call, this.#tasks!) }),
      enforcement: this.#enforcement,
      results: this.#results,
      outage: () => this.#outage(),
      collect: (collection) =>
        collectStale(collection, {
          enforcement: this.#enforcement,
          allocator: this.#allocator,
          results: this.#results,
          attachments,
          log: this.#log,
          metrics: this.#metrics,
        }),
      later: (work, what) => {
        const settled = work
          .catch((error: Error) => {
            this.#log.warn({ what, error: error.message }, 'left to reconciliation');
            this.#leave();
          })
          .finally(() => this.#removals.delete(settled));
        this.#removals.add(settled);
        later(settled);
      },
    };
  }

  async #findTask(call: Call, tasks: MesosTasks): Promise<Task | undefined> {
    const task = await tasks.find(call.containerId);
    return task && this.#taskLabels.prepare(task, networkLabels(call));
  }

  /** Learns what names stand for from the DNS answers of containers, until the signal. */
  async followDns(signal: AbortSignal): Promise<void> {
    // Of other address spaces another endpoint may have the same address.
    const local = (has: (endpoint: Endpoint) => boolean) =>
      this.#state.localEndpoints().find((one) => spaceOf(one.spec) === undefined && has(one));
    const learner = new DnsLearner({
      names: this.#names,
      endpointAt: (address) => {
        const endpoint = local(({ spec }) => spec.addresses.includes(address));
        return endpoint && keyOf(endpoint);
      },
      addressesOf: (key) => local((endpoint) => keyOf(endpoint) === key)?.spec.addresses ?? [],
      // Before that the table is as an agent before left it.
      apply: () => this.#isSynced && this.apply(),
      connections: () => this.#dataplane.connections(),
      log: this.#log,
    });
    await learner.follow(signal);
  }

  /** Follows Marathon for the cluster while this host leads, until the signal. */
  async followMarathon(signal: AbortSignal): Promise<void> {
    const { marathon, host, presenceTtl } = this.#config;
    if (marathon === undefined) return;
    const { store } = this;
    const log = this.#log;
    await whileLeading({ store, name: 'marathon', host, ttlSeconds: presenceTtl, signal, log }, async (lead) => {
      this.#metrics.marathonLeading.set(1);
      const stores = { store, objects: this.#objects };
      const follower = new MarathonFollower({ ...stores, client: new MarathonClient(marathon), log, metrics: this.#metrics });
      await follower.follow({ intervalSeconds: marathon.interval, signal: lead });
      this.#metrics.marathonLeading.set(0);
    });
  }

  /** Keeps endpoints in step with what the Mesos agent says, until the signal. */
  async followTasks(attachments: Attachments, signal: AbortSignal): Promise<void> {
    const tasks = this.#tasks;
    const { mesos } = this.#config;
    if (tasks === undefined || mesos === undefined) return;
    const follower = {
      tasks,
      enforcement: this.#enforcement,
      attachments,
      unknown: new UnknownContainers({ graceSeconds: mesos.orphanGrace }),
      prepare: (task: Task, endpoint: Endpoint) => this.#taskLabels.prepareLate(task, endpoint),
      collect: async ({ spec }: Endpoint) => {
        await this.#enforcement.withdraw(spec);
        await this.#reaper.remove(spec.hostInterface);
        await this.#allocator.release(spec);
      },
      log: this.#log,
      metrics: this.#metrics,
    };
    await followTasks(follower, { intervalSeconds: mesos.interval, signal });
  }

  /** DEL answers before its address is free. Where no other will do, an ADD waits for those on their way rather than fail. */
  async #allocate({ task, ...rest }: Parameters<Services['addresses']['allocate']>[0]): Promise<Assigned[]> {
    const request = { ...rest, endpoint: { ...task, namespaceLabels: this.#state.namespaceLabels(task.namespace) } };
    try {
      return await this.#allocateReturning(request);
    } catch (error) {
      if (!(error instanceof IpamError) || !WAITS.includes(error.code) || this.#removals.size === 0) throw error;
      await Promise.all(this.#removals);
      return this.#allocator.allocate(request);
    }
  }

  /** As above, for an address that a container of any host had, whose endpoint is gone: it is free as soon as its link is. */
  async #allocateReturning(request: AllocationRequest): Promise<Assigned[]> {
    for (const tooLate = performance.now() + RETURN_PATIENCE; ; await delay(RETURN_PAUSE)) {
      try {
        return await this.#allocator.allocate(request);
      } catch (error) {
        const holder = error instanceof IpamError ? error.holder : undefined;
        if (holder === undefined || this.#hasEndpoint(holder) || performance.now() > tooLate) throw error;
      }
    }
  }

  #hasEndpoint({ containerId, interfaceName }: Owner): boolean {
    for (const { spec } of this.#state.list('Endpoint')) {
      if (spec.containerId === containerId && spec.interfaceName === interfaceName) return true;
    }
    return false;
  }

  /** Collects what belongs to nothing that lives. */
  async reconcile(attachments: Attachments): Promise<void> {
    await collectOrphans({
      enforcement: this.#enforcement,
      allocator: this.#allocator,
      links: this.#links,
      attachments,
      log: this.#log,
      metrics: this.#metrics,
    });
    this.#ownNetworks.dropUnused();
    await this.#allocator.releaseEmptyBlocks();
    await this.#deadHosts.reclaim();
  }

  /** For a single call: all that is in the store, in force. DEL goes on without it when the store cannot be reached. */
  async syncOnce(options: { storeMayBeAway: boolean }): Promise<void> {
    const stop = new AbortController();
    for await (const event of this.#objects.snapshotAndWatch(KINDS, { signal: stop.signal })) {
      if (event.type === 'disconnected') {
        if (options.storeMayBeAway) break;
        throw event.error;
      }
      this.#take(event);
      if (event.type === 'synced') break;
    }
    stop.abort();
    if (this.#failure !== undefined) throw new AgentError('ENOTREADY', this.#failure);
  }

  async close(): Promise<void> {
    await this.#settled();
    if (this.#scheduled !== undefined) clearImmediate(this.#scheduled);
    await this.#reaper.close();
    await this.#ownNetworks.close();
    this.#dataplane.close();
    this.#netlink.close();
    await this.store.close();
  }
}
