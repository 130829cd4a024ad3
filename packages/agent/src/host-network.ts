/**
 * One host between store and kernel: the parts that follow the objects, keep the kernel in step and serve the CNI tools, put together.
 * The daemon keeps one for its lifetime; a one-shot process, which serves a call while no agent runs, makes one for that call.
 */
import { join } from 'node:path';
import { type Call, GUARDED_PREFIX, OPEN_PREFIX, type Outage, ResultCache, type Services, type Task } from '@weir/cni';
import { ObjectStore, openStore, type Store } from '@weir/datastore';
import { Allocator } from '@weir/ipam';
import { Netlink } from '@weir/kernel';
import { MesosAgentClient } from '@weir/mesos';
import type { Muted } from '@weir/policy';
import { type Endpoint, keyOf } from '@weir/resources';
import { hostSetup, LinkReaper, LinkThread } from '@weir/routing';
import { BgpDaemon } from './bgp/bgp-daemon.ts';
import type { Attachments, Later } from './calls/attachments.ts';
import { CallServices } from './calls/call-services.ts';
import { EndedEndpoints } from './calls/ended-endpoints.ts';
import { Enforcement } from './calls/enforcement.ts';
import { type Change, ClusterState } from './cluster-state.ts';
import type { AgentConfig } from './config.ts';
import type { DnsLearner } from './dns/dns-learner.ts';
import { hostLearner } from './dns/host-learner.ts';
import { ResolvedNames } from './dns/resolved-names.ts';
import { serveNames } from './dns/serve-names.ts';
import { Zone } from './dns/zone.ts';
import { RemoteClusters } from './federation/follow-remote-clusters.ts';
import type { Policy } from './flows/flow-description.ts';
import { DeadHosts, type Seen } from './hosts/dead-hosts.ts';
import { holdHostName } from './hosts/host-name.ts';
import { KernelSync } from './kernel-sync.ts';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';
import { collectOrphans } from './orphans/collect-orphans.ts';
import { HostLinks } from './routing/host-links.ts';
import type { Underlay } from './routing/host-routing.ts';
import { RoutingUpkeep } from './routing/routing-upkeep.ts';
import { type OnceOptions, StoreFollower } from './store-follower.ts';
import { followMarathon } from './tasks/follow-marathon.ts';
import { followTasks } from './tasks/follow-tasks.ts';
import { MesosTasks } from './tasks/mesos-tasks.ts';
import { networkLabels, TaskLabels } from './tasks/task-labels.ts';
import { UnknownContainers } from './tasks/unknown-containers.ts';

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
  readonly bgp: BgpDaemon;
  readonly #objects: ObjectStore;
  readonly #of: HostNetworkOptions;
  readonly #state: ClusterState;
  readonly #kernel: KernelSync;
  readonly #follower: StoreFollower;
  readonly #ended = new EndedEndpoints();
  readonly #names: ResolvedNames;
  readonly #learner: DnsLearner;
  readonly #zone = new Zone();
  readonly #remoteClusters: RemoteClusters;
  #dnsProblem: string | undefined;
  #dockerProblem: string | undefined;
  readonly #allocator: Allocator;
  readonly #reaper: LinkReaper;
  readonly #links: HostLinks;
  readonly #enforcement: Enforcement;
  readonly #services: CallServices;
  readonly #deadHosts: DeadHosts;
  readonly #tasks: MesosTasks | undefined;
  readonly #taskLabels: TaskLabels;
  #somethingLeft = Promise.withResolvers<void>();

  static async open(options: HostNetworkOptions): Promise<HostNetwork> {
    holdHostName(options.config.runDir, options.config.host, hasContainers);
    hostSetup();
    return new HostNetwork(options, await openStore(options.config.store, { check: false }));
  }

  private constructor(options: HostNetworkOptions, store: Store) {
    this.#of = options;
    const { config, log, metrics, stays = false } = options;
    const { host } = config;
    const leave = () => this.#leave();
    this.store = store;
    const objects = new ObjectStore(store);
    this.#objects = objects;
    const state = new ClusterState(host, (change) => this.#learn(change));
    this.#state = state;
    const kernel = new KernelSync({ config, state, log, metrics, onRoutes: () => this.upkeep.applied(), onFailure: leave });
    this.#kernel = kernel;
    this.#follower = new StoreFollower({ objects, state, kernel, leave, log, metrics });
    this.#names = new ResolvedNames({
      path: join(config.runDir, 'names.json'),
      onChange: (endpoint, name, addresses) => kernel.dataplane.resolved(endpoint, name, addresses),
    });
    this.#names.load();
    this.#learner = hostLearner({ names: this.#names, state, kernel, log });
    const onWritten = (...[block, revision]: Parameters<ClusterState['put']>) => state.put(block, revision);
    this.#remoteClusters = new RemoteClusters({ config, store, state, log, metrics });
    const allocator = new Allocator({ store, host, ahead: stays, onWritten });
    this.#allocator = allocator;
    const { netlink, ownNetworks, routing } = kernel;
    this.#reaper = new LinkReaper(netlink);
    this.#links = new HostLinks({ netlink, reaper: this.#reaper, ownNetworks, ...(stays && { thread: new LinkThread() }) });
    const isBeingMade = (hostInterface: string) => this.#links.isBeingMade(hostInterface);
    const applySoon = () => kernel.applyRoutesSoon();
    const { flannel } = kernel;
    this.upkeep = new RoutingUpkeep({ config, store, objects, allocator, state, routing, netlink, flannel, isBeingMade, log, applySoon });
    this.bgp = new BgpDaemon({ config, state, netlink, onRoutes: applySoon, log, metrics });
    this.#deadHosts = new DeadHosts({ store, objects, log, see: () => this.#whatHostsHave() });
    this.#tasks = config.mesos && new MesosTasks({ client: new MesosAgentClient(config.mesos), log, metrics });
    this.#taskLabels = new TaskLabels({
      stores: { store, objects },
      isFollowed: config.marathon !== undefined,
      learn: (object, revision) => state.put(object, revision),
    });
    this.#enforcement = new Enforcement({
      objects,
      state,
      apply: () => {
        kernel.apply();
        this.#links.hearNow();
      },
      drift: (endpoint) => kernel.drift(endpoint),
      isStoreThere: () => this.#follower.isConnected,
      leave,
      log,
    });
    const tasks = this.#tasks;
    this.#services = new CallServices({
      host,
      hasDns: config.dns !== undefined,
      state,
      kernel,
      allocator,
      ended: this.#ended,
      links: this.#links,
      enforcement: this.#enforcement,
      results: new ResultCache(join(config.runDir, 'results')),
      ...(tasks && { findTask: (call: Call) => this.#findTask(call, tasks) }),
      outage: () => this.#outage(),
      leave,
      log,
      metrics,
    });
  }

  #learn(change: Change): void {
    this.#kernel.learn(change);
    this.#zone.learn(change);
    this.bgp.learn(change);
    this.#remoteClusters.learn(change);
    if (change.before?.kind !== 'Endpoint' || change.after !== undefined) return;
    this.#names.forget(keyOf(change.before));
    this.#ended.note(change.before.spec);
  }

  /** Resolves when everything that was in the store is known and in force. */
  get synced(): Promise<void> {
    return this.#follower.synced;
  }

  get policy(): Policy {
    return this.#kernel.dataplane.policy;
  }

  /** Nothing is told of these sources' denied packets any more; all others are told of again. */
  mute(whom: Muted): void {
    this.#kernel.mute(whom);
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
    const problems = [...this.#follower.problems, ...this.#kernel.problems, ...this.bgp.problems, ...this.#remoteClusters.problems];
    if (this.#dnsProblem !== undefined) problems.push(this.#dnsProblem);
    if (this.#dockerProblem !== undefined) problems.push(`${this.#dockerProblem}; labels of containers are awaited`);
    if (this.#tasks?.failure !== undefined) problems.push(`${this.#tasks.failure}; labels of tasks are awaited`);
    return problems;
  }

  get underlay(): Underlay {
    return this.#kernel.routing.underlay;
  }

  /** True once the kernel was brought in step for the first time, and the last change could be applied. */
  get ready(): boolean {
    return this.#follower.isInForce && this.#kernel.failure === undefined;
  }

  #outage(): Outage | undefined {
    if (this.ready && this.#follower.isConnected) return undefined;
    return { message: this.problems.join('; '), hurtsContainers: this.#kernel.failure !== undefined };
  }

  /** Follows the store until the signal. */
  follow(signal: AbortSignal): Promise<void> {
    return this.#follower.follow(signal);
  }

  /** See `StoreFollower.once`. */
  syncOnce(options: OnceOptions): Promise<void> {
    return this.#follower.once(options);
  }

  /** What the CNI tools work with: see `CallServices.for`. */
  services(later: Later, attachments: Attachments): Services {
    return this.#services.for(later, attachments);
  }

  async #findTask(call: Call, tasks: MesosTasks): Promise<Task | undefined> {
    const task = await tasks.find(call.containerId);
    return task && this.#taskLabels.prepare(task, networkLabels(call));
  }

  /** Learns what names stand for from the DNS answers of containers, until the signal. */
  followDns(signal: AbortSignal): Promise<void> {
    return this.#learner.follow(signal);
  }

  /** Answers DNS for this host's containers, where the configuration says so, until the signal. */
  serveNames(signal: AbortSignal): Promise<void> {
    const { config, log, metrics } = this.#of;
    const onState = (problem: string | undefined) => {
      this.#dnsProblem = problem;
    };
    const { netlink } = this.#kernel;
    const path = join(config.runDir, 'zone.json');
    const known = { zone: this.#zone, synced: this.synced, path, learner: this.#learner };
    return serveNames({ config: config.dns, netlink, ...known, onState, log, metrics }, signal);
  }

  /** Follows Marathon for the cluster while this host leads, until the signal. */
  followMarathon(signal: AbortSignal): Promise<void> {
    const endpoints = () => this.#state.list('Endpoint');
    return followMarathon({ ...this.#of, store: this.store, objects: this.#objects, endpoints }, signal);
  }

  /** Reads other clusters for this one, each while this host leads, until the signal. */
  followRemoteClusters(signal: AbortSignal): Promise<void> {
    return this.#remoteClusters.follow(signal);
  }

  /** Keeps endpoints in step with what the Mesos agent says, until the signal. */
  async followTasks(attachments: Attachments, signal: AbortSignal): Promise<void> {
    const tasks = this.#tasks;
    const { config, log, metrics } = this.#of;
    const { mesos } = config;
    if (tasks === undefined || mesos === undefined) return;
    const follower = {
      tasks,
      enforcement: this.#enforcement,
      attachments,
      unknown: new UnknownContainers({ graceSeconds: mesos.orphanGrace }),
      prepare: (task: Task, endpoint: Endpoint) => this.#taskLabels.prepareLate(task, endpoint),
      collect: (endpoint: Endpoint) => this.#collect(endpoint),
      log,
      metrics,
    };
    await followTasks(follower, { intervalSeconds: mesos.interval, signal });
  }

  /** Serves the drivers of this host's Docker engine, where the configuration says so, and follows its containers, until the signal. */
  async serveDocker(calls: { attachments: Attachments; untilReady: () => Promise<void> }, signal: AbortSignal): Promise<void> {
    const { config, log, metrics } = this.#of;
    const { docker, host } = config;
    if (docker === undefined) return;
    const parts = { config: docker, host, store: this.store, state: this.#state, enforcement: this.#enforcement };
    const of = {
      ...parts,
      ...calls,
      allocator: this.#allocator,
      links: this.#links,
      services: (later: Later) => this.services(later, calls.attachments),
      synced: this.synced,
      collect: (endpoint: Endpoint) => this.#collect(endpoint),
      asksMesos: this.#tasks !== undefined,
      onTask: () => this.#tasks?.expect(),
      onState: (problem: string | undefined) => {
        this.#dockerProblem = problem;
      },
      log,
      metrics,
    };
    // For few hosts, and for no call that is served without an agent.
    const { serveDocker } = await import('./docker/serve-docker.ts');
    await serveDocker(of, signal);
  }

  /** All that a container left: policy first, then its link, then its address. */
  async #collect({ spec }: Endpoint): Promise<void> {
    await this.#enforcement.withdraw(spec);
    await this.#reaper.remove(spec.hostInterface);
    await this.#allocator.release(spec);
  }

  /** Looks at the table again when somebody else changed nftables. Cheap when nobody did. */
  repairTable(): void {
    this.#kernel.repairTables();
  }

  /**
   * Looks at the kernel again, in case somebody else changed it, and tries again what failed. Of nftables the kernel says whether somebody
   * did: to read a large table takes seconds, in which no call is answered.
   */
  refresh(): void {
    this.repairTable();
    this.#kernel.forgetBridges();
    this.#kernel.apply();
    if (this.#kernel.routing.dropUnwantedTunnel()) this.#of.log.info('no pool wants tunnels any more: their interface is removed');
    this.upkeep.repair();
    this.#kernel.ownNetworks.repair((hostInterface) => this.#links.isBeingMade(hostInterface));
  }

  /** Collects what belongs to nothing that lives. */
  async reconcile(attachments: Attachments): Promise<void> {
    const { log, metrics } = this.#of;
    const allocator = this.#allocator;
    await collectOrphans({ enforcement: this.#enforcement, allocator, links: this.#links, attachments, log, metrics });
    this.#kernel.ownNetworks.dropUnused();
    await allocator.releaseEmptyBlocks();
    await this.#deadHosts.reclaim();
  }

  #whatHostsHave(): Omit<Seen, 'present'> {
    return {
      self: this.#of.config.host,
      blocks: [...this.#state.list('Block')],
      known: new Set([...this.#state.list('Host')].map(({ metadata }) => metadata.name)),
      withEndpoints: new Set([...this.#state.list('Endpoint')].map(({ spec }) => spec.host)),
    };
  }

  async close(): Promise<void> {
    await this.#kernel.settled();
    await this.#reaper.close();
    await this.#links.close();
    await this.#kernel.close();
    await this.store.close();
  }
}

/** In the host's own namespace. */
function hasContainers(): boolean {
  using netlink = Netlink.open();
  return netlink.links().some(({ name }) => name.startsWith(GUARDED_PREFIX) || name.startsWith(OPEN_PREFIX));
}
