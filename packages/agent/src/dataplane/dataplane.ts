/**
 * Policy in the kernel: the calculated table, kept in nftables. When a change is in force there, established flows that it forbids are cut.
 */
import { isDeepStrictEqual } from 'node:util';
import { GUARDED_PREFIX } from '@weir/cni';
import { Conntrack, Netlink, Nftables, NftGeneration, NftSocket, type TableReference } from '@weir/kernel';
import {
  type BaseOptions,
  type BaseTable,
  baseTable,
  bothUses,
  isHostPlace,
  type Muted,
  mutedRules,
  PolicyCalculator,
  placeOf,
  RATES_OF_FLOODS,
  type Statement,
  statementKey,
  type TableUse,
  type TunnelPackets,
  type UdpSockets,
  useOf,
} from '@weir/policy';
import {
  type AnyObject,
  type Endpoint,
  failsafePorts,
  type HostEndpoint,
  type HostSocket,
  type HostSpec,
  hostSockets,
  type ObjectId,
  spaceOf,
} from '@weir/resources';
import type { Policy } from '../flows/flow-description.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { BridgedPolicy } from './bridged-policy.ts';
import { EstablishedFlows } from './established-flows.ts';
import { NftablesTable } from './nftables-table.ts';

/** What of its Host object the fixed part of the table depends on. */
type HostRules = Pick<HostSpec, 'mesosTraffic' | 'failsafePorts' | 'dns'>;

/** Until the Host object is known: what it has when nobody wrote it. */
const DEFAULT_RULES: HostRules = { mesosTraffic: { agentPorts: [5051], healthChecks: 'Always' } };

const TABLE: TableReference = { family: 'inet', table: 'weir' };

export interface DataplaneOptions {
  host: string;
  space?: string;
  vxlan: BaseOptions['vxlan'];
  log: Logger;
  metrics: Metrics;
}

export class Dataplane {
  readonly #host: string;
  readonly #space: string | undefined;
  readonly #vxlan: BaseOptions['vxlan'];
  readonly #metrics: Metrics;
  readonly #calculator: PolicyCalculator;
  readonly #nftables = Nftables.open();
  readonly #nftSocket = NftSocket.open();
  readonly #conntrack = Conntrack.open();
  readonly #netlink = Netlink.open();
  readonly #generation = NftGeneration.open();
  readonly #table = new NftablesTable(TABLE, { nftables: this.#nftables, socket: this.#nftSocket });
  readonly #bridged = new BridgedPolicy({ nftables: this.#nftables, socket: this.#nftSocket });
  /** Of this host's endpoints, by what the calculator calls their places. */
  readonly #addresses = new Map<string, string[]>();
  /** Host interfaces and addresses whose established flows are to be judged when the next change is in force. */
  readonly #narrowed = new Set<string>();
  readonly #gone = new Set<string>();
  /** Ports of this host that lead to an endpoint since the last change. */
  #mapped: HostSocket[] = [];
  /** Of all services, and of those that changed since. */
  readonly #udpSockets: UdpSockets = new Map();
  #movedSockets: UdpSockets = new Map();
  readonly #flows: EstablishedFlows;
  #judged: Promise<void> = Promise.resolve();
  /** The fixed part of the table, and what it was made of. */
  #base: { of: HostRules & { flannel: TunnelPackets | undefined; use: TableUse }; table: BaseTable } | undefined;
  #flannel: TunnelPackets | undefined;
  /** What mutes somebody. */
  #muted: Statement | undefined;
  /** Whether the table is to forget of whom it has told how much. */
  #forgetsRates = false;
  /** nftables' generation as far as all that made it is known: when the tables were read, and one more for each transaction of ours since. */
  #knownGeneration: number | undefined;
  #readsAnew = true;
  /** Whether there may be interfaces that are closed until their endpoint is known. */
  #isGuarded: boolean;
  /** How many policies the cluster has. */
  #policies = 0;

  /**
   * In the namespace that the process is in.
   * @param options.space the network whose own address space it is for; absent: the shared one
   * @param options.vxlan see `baseTable`
   */
  constructor({ host, space, vxlan, log, metrics }: DataplaneOptions) {
    this.#host = host;
    this.#space = space;
    this.#isGuarded = space !== undefined || this.#netlink.links().some(({ name }) => name.startsWith(GUARDED_PREFIX));
    this.#vxlan = vxlan;
    this.#metrics = metrics;
    this.#calculator = new PolicyCalculator({ host, space });
    this.#flows = new EstablishedFlows({
      conntrack: this.#conntrack,
      isAllowed: (flow) => this.#calculator.allows(flow),
      isAllowedThrough: (flow) =>
        this.#calculator.allowsThrough(flow, {
          in: this.#netlink.linkTowards(flow.source),
          out: this.#netlink.linkTowards(flow.destination),
        }),
      onFailure: (error) => {
        log.error({ err: error }, 'established flows could not be judged; they are again in a second');
      },
      log,
      metrics,
    });
  }

  /** What is in force, as far as it was learnt. */
  get policy(): Policy {
    return this.#calculator;
  }

  /** Takes note of a change of an object; `apply` puts it in force. */
  learn(before: AnyObject | undefined, after: AnyObject | undefined): void {
    if (after !== undefined) this.#calculator.upsert(after);
    else if (before !== undefined) this.#calculator.remove(before.kind, before.metadata.name, before.metadata.namespace);
    this.#policies += Number(isPolicy(after)) - Number(isPolicy(before));
    this.#bridged.learn(this.#isLocal(before) ? before : undefined, this.#isLocal(after) ? after : undefined);
    if (this.#isLocal(before)) {
      this.#addresses.delete(before.spec.hostInterface);
      for (const address of before.spec.addresses) this.#gone.add(address);
    }
    if (this.#isLocal(after)) {
      this.#addresses.set(after.spec.hostInterface, after.spec.addresses);
      for (const address of after.spec.addresses) this.#gone.delete(address);
      this.#mapped.push(...hostSockets(after.spec));
    }
    if (this.#isOwnInterface(before)) this.#addresses.delete(placeOf(before));
    if (this.#isOwnInterface(after)) this.#addresses.set(placeOf(after), after.spec.expectedIPs);
  }

  /** Takes note of what DNS told an endpoint: see `PolicyCalculator.resolved`. */
  resolved(endpointKey: string, name: string, addresses: readonly string[]): void {
    this.#calculator.resolved(endpointKey, name, addresses);
  }

  /** The connections of this host's containers and of itself, each as `<source> <destination>`. */
  async connections(): Promise<Set<string>> {
    return new Set((await this.#conntrack.list()).map(({ original }) => `${original.source} ${original.destination}`));
  }

  /** Takes note of the flannel network that this host has joined: how its tunnels look, and the addresses of its other hosts. */
  flannel({ packets, hosts }: { packets: TunnelPackets | undefined; hosts: Iterable<string> }): void {
    this.#flannel = packets;
    this.#calculator.flannelHosts(hosts);
  }

  /**
   * From the next `apply` on nothing is told of these sources' denied packets, and of those to these destinations, but how many they are. All
   * others are told of again: also those for which the table had no room beside the many sources that flood a destination.
   */
  mute(whom: Muted): void {
    const now = mutedRules(whom);
    const key = (statement: Statement | undefined) => (statement === undefined ? [] : [statementKey(statement)]);
    this.#table.desire({
      set: new Map(now && [[statementKey(now), now]]),
      delete: new Set(now === undefined ? key(this.#muted) : []),
    });
    this.#muted = now;
    this.#forgetsRates = [...whom.destinations].length > 0;
  }

  /** Takes note of an object that is in the store and not valid: see `PolicyCalculator.upsertInvalid`. */
  learnInvalid(id: ObjectId, value: unknown): void {
    this.#calculator.upsertInvalid(id, value);
  }

  /** What was not valid is gone. */
  forget({ kind, name, namespace }: ObjectId): void {
    this.#calculator.remove(kind, name, namespace);
  }

  #isLocal(object: AnyObject | undefined): object is Endpoint {
    return object?.kind === 'Endpoint' && object.spec.host === this.#host && spaceOf(object.spec) === this.#space;
  }

  #isOwnInterface(object: AnyObject | undefined): object is HostEndpoint {
    return object?.kind === 'HostEndpoint' && object.spec.host === this.#host && this.#space === undefined;
  }

  /** Whether somebody else changed nftables since: a `flush ruleset`, say, takes our table too. */
  get isTouched(): boolean {
    return this.#generation.read() !== this.#knownGeneration;
  }

  /** What the kernel has is read again before the next change: somebody else may have changed it. */
  forgetActual(): void {
    this.#readsAnew = true;
    this.#table.forgetActual();
    this.#bridged.forgetActual();
  }

  /** What of the kernel is not in nftables is made sure of again with the next `apply`. */
  forgetBridges(): void {
    this.#bridged.forgetBridges();
  }

  /** What the kernel lacks of the rules that an endpoint of this host should have, or has otherwise, each in a few words. Changes nothing there. */
  drift(endpoint: Endpoint, rules: HostRules = DEFAULT_RULES): string[] {
    this.#calculate();
    return [...this.#table.drift(endpoint.spec, this.#baseFor(rules)), ...this.#bridged.drift(endpoint.spec)];
  }

  /**
   * Puts everything that was learnt in force. Returns when it is.
   * Throws KernelError when the kernel refused it; what is in force then is known only after it was read again, which the next call does.
   */
  apply(rules: HostRules = DEFAULT_RULES): void {
    const stop = this.#metrics.dataplaneDuration.startTimer();
    try {
      this.#calculate();
      if (this.#readsAnew) this.#knownGeneration = this.#generation.read();
      this.#readsAnew = false;
      const before = this.#transactions;
      this.#bridged.bringInStep();
      const wasRead = this.#table.bringInStep(this.#baseFor(rules));
      this.#forgetRates();
      // Rules may have been other ones while nobody looked after the established flows.
      if (wasRead) for (const hostInterface of this.#addresses.keys()) this.#narrowed.add(hostInterface);
      if (wasRead) for (const [name, socket] of this.#udpSockets) this.#movedSockets.set(name, socket);
      // Not what the kernel says now: what somebody else did in the meantime would pass for ours, and nobody would look at it.
      this.#knownGeneration! += this.#transactions - before;
      this.#judgeFlows();
    } finally {
      stop();
    }
  }

  #forgetRates(): void {
    if (!this.#forgetsRates) return;
    this.#forgetsRates = false;
    this.#nftSocket.apply(
      TABLE,
      RATES_OF_FLOODS.map((set) => ({ kind: 'elements', op: 'flush', set })),
    );
  }

  get #transactions(): number {
    return this.#nftables.transactions + this.#nftSocket.transactions;
  }

  /**
   * To be called before an interface comes that is to be closed until its endpoint is known: the rules that close it are in force when this
   * returns. Throws KernelError.
   */
  guard(rules: HostRules = DEFAULT_RULES): void {
    if (this.#isGuarded) return;
    this.#isGuarded = true;
    try {
      this.apply(rules);
    } catch (error) {
      this.#isGuarded = false;
      throw error;
    }
  }

  /** What follows from what was learnt is desired from now on. */
  #calculate(): void {
    const change = this.#calculator.flush();
    this.#table.desire(change);
    this.#bridged.desire(change.bridge);
    for (const hostInterface of change.narrowed) this.#narrowed.add(hostInterface);
    this.#learnSockets(change.udpSockets);
  }

  #learnSockets(changed: UdpSockets): void {
    for (const [name, socket] of changed) {
      this.#movedSockets.set(name, socket);
      if (socket === undefined) this.#udpSockets.delete(name);
      else this.#udpSockets.set(name, socket);
    }
  }

  #baseFor({ mesosTraffic, failsafePorts: ports, dns }: HostRules): BaseTable {
    const flannel = this.#flannel;
    // What was used once stays hooked in while the agent runs: connections go on by it, and the next container need not wait for it.
    const used = useOf({ isUsed: (set) => this.#table.isUsed(set), links: this.#isGuarded, policies: this.#policies > 0 });
    const use = this.#base === undefined ? used : bothUses(used, this.#base.of.use);
    const of = { mesosTraffic, ...(ports && { failsafePorts: ports }), ...(dns && { dns }), flannel, use };
    if (!isDeepStrictEqual(of, this.#base?.of)) {
      const rest = { failsafePorts: failsafePorts(of), dns, use, ...(flannel && { flannel }) };
      this.#base = { of, table: baseTable({ ...mesosTraffic, vxlan: this.#vxlan, ...rest }) };
    }
    return this.#base!.table;
  }

  /** Resolves when the established flows are what everything that was applied so far allows. */
  settled(): Promise<void> {
    return this.#judged;
  }

  #judgeFlows(): void {
    const narrowed = [...this.#narrowed].flatMap((hostInterface) => this.#addresses.get(hostInterface) ?? []);
    const forwarded = [...this.#narrowed].some(isHostPlace);
    const suspects = { narrowed, gone: this.#gone, mapped: this.#mapped, forwarded, services: this.#movedSockets };
    const count = narrowed.length + this.#gone.size + this.#mapped.length + this.#movedSockets.size;
    if (count > 0 || forwarded) this.#judged = this.#flows.judge(suspects);
    this.#narrowed.clear();
    this.#gone.clear();
    this.#mapped = [];
    this.#movedSockets = new Map();
  }

  close(): void {
    this.#flows.close();
    this.#conntrack.close();
    this.#netlink.close();
    this.#generation.close();
    this.#bridged.close();
    this.#nftSocket.close();
    this.#nftables.close();
  }
}

function isPolicy(object: AnyObject | undefined): boolean {
  return object?.kind === 'Policy' || object?.kind === 'GlobalPolicy';
}
