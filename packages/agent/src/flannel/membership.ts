/**
 * This host in a flannel network: holds its lease, and follows those of the others. flannel's etcd may be another than Weir's.
 * An outage of it changes nothing: what was known last stays in force, over a restart of the agent too.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { openStore, type Store, StoreError } from '@weir/datastore';
import { type Family, familyOf } from '@weir/resources';
import { type FlannelNetwork, type FlannelPeer, RoutingError, type Subnets, subnetsOf } from '@weir/routing';
import type { FlannelConfig } from '../config.ts';
import type { Logger } from '../log.ts';
import { FlannelRecords } from './flannel-records.ts';
import { type HeldLease, holdLease } from './hold-lease.ts';
import { readSaved, save } from './saved-network.ts';

/** Between two tries, in milliseconds: twice as long after each, up to the longest. */
const [RETRY, LONGEST_RETRY] = [100, 5_000];

/** As flanneld's. */
const MAX_RACES = 10;

export interface Joined {
  network: FlannelNetwork;
  own: FlannelPeer;
  /** By the last part of their keys. */
  others: ReadonlyMap<string, FlannelPeer>;
}

export interface MembershipOptions {
  config: FlannelConfig;
  /** File that keeps what is known over a restart of the agent. */
  path: string;
  /** This host's, on the network between the hosts; none while they are not known yet. */
  addresses: () => readonly string[];
  /** Subnets that the Host object names. */
  previous: () => readonly string[];
  macOf: (vni: number, family: Family) => string;
  /** Told of each change of what is known. */
  onChange: () => void;
  log: Logger;
}

export class FlannelMembership {
  readonly #options: MembershipOptions;
  #records: FlannelRecords | undefined;
  #network: FlannelNetwork | undefined;
  #held: HeldLease | undefined;
  /** Last part of the own lease's key, also when it is known from before only. */
  #own: string | undefined;
  /** Whether there is no subnet for this host any more. */
  #isWithout = false;
  #problem: string | undefined;
  #store: Store | undefined;
  #next: number | undefined;
  #history: string | undefined;

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  /** Undefined until it is known for the first time. */
  get joined(): Joined | undefined {
    const [records, network, name] = [this.#records, this.#network, this.#own];
    const own = name === undefined ? undefined : (this.#held?.peer ?? records?.leases.get(name));
    if (records === undefined || network === undefined || own === undefined) return undefined;
    const others = [...records.leases].flatMap(([one, peer]) => (one === name || peer === undefined ? [] : [[one, peer] as const]));
    return { network, own, others: new Map(others) };
  }

  /** How the network's tunnels look on the wire, if it has any, and the addresses of its other hosts. */
  get tunnels(): { packets: { port: number; vni: number } | undefined; hosts: string[] } {
    const { network, others } = this.joined ?? {};
    if (network?.backend.type !== 'vxlan') return { packets: undefined, hosts: [] };
    const { port, vni } = network.backend;
    return {
      packets: { port, vni },
      hosts: [...others!.values()].flatMap(({ ends }) => Object.values(ends).map((end) => end.publicAddress)),
    };
  }

  /** The subnets that are this host's to give addresses of; undefined: not known yet. */
  get subnets(): string[] | undefined {
    if (this.#isWithout) return [];
    return this.#own === undefined ? undefined : Object.values(subnetsOf(this.#own) ?? {});
  }

  /** For people. */
  get problems(): string[] {
    return [...(this.#problem === undefined ? [] : [this.#problem]), ...(this.#records?.unreadable ?? [])];
  }

  /** Takes in what was saved. */
  load(): void {
    const saved = readSaved(this.#options.path);
    if (saved?.prefix !== this.#options.config.prefix) return;
    this.#records = saved.records;
    this.#network = saved.network;
    this.#own = saved.name;
  }

  /** Until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    // A host that starts for the first time is not in Weir's store yet.
    while (!signal.aborted && this.#options.addresses().length === 0) await delay(RETRY, undefined, { signal }).catch(() => {});
    let pause = RETRY;
    while (!signal.aborted) {
      try {
        this.#store ??= await openStore(this.#options.config.store, { check: false });
        await this.#join(this.#store);
        pause = RETRY;
        await this.#follow(this.#store, signal);
      } catch (error) {
        if (!(error instanceof StoreError || error instanceof RoutingError)) throw error;
        if (error instanceof StoreError && (error.code === 'ECOMPACTED' || error.code === 'EHISTORY')) this.#next = undefined;
        else this.#say(error);
        await delay(pause, undefined, { signal }).catch(() => {});
        pause = Math.min(2 * pause, LONGEST_RETRY);
      }
    }
    await this.#store?.close();
  }

  #say({ message }: Error): void {
    const problem = this.joined === undefined ? `flannel: ${message}` : `flannel: ${message}; what was known last is in force`;
    if (problem !== this.#problem) this.#options.log.warn({ error: message }, 'the flannel network is not as it should be: trying again');
    this.#problem = problem;
  }

  /** Reads all, and holds the lease; or sees that the store answers, when it is known from where to go on. */
  async #join(store: Store): Promise<void> {
    const { config, log, onChange } = this.#options;
    for (let races = 0; this.#next === undefined; races++) {
      if (races > MAX_RACES) throw new RoutingError('EFLANNEL', `this host lost ${MAX_RACES} races for a subnet to others`);
      const { entries, revision, history } = await store.list(`${config.prefix}/`);
      const records = new FlannelRecords(config.prefix, entries);
      const network = records.network();
      const held = await this.#hold(store, records, network);
      // Another was faster: what there is now is listed again, and its choice is among it.
      if (held === undefined) continue;
      if (held.name !== this.#own) log.info({ lease: held.name, backend: network.backend }, 'a lease of the flannel network is held');
      this.#records = records;
      this.#network = network;
      this.#held = held;
      this.#own = held.name;
      this.#isWithout = false;
      this.#next = revision + 1;
      this.#history = history;
      this.#save();
      onChange();
    }
    if (this.#problem === undefined) return;
    await store.get(`${config.prefix}/config`);
    this.#problem = undefined;
    log.info('the flannel network is as it should be again');
  }

  async #hold(store: Store, records: FlannelRecords, network: FlannelNetwork): Promise<HeldLease | undefined> {
    const { addresses, macOf, onChange } = this.#options;
    const own = Object.fromEntries(addresses().map((address) => [familyOf(address), address])) as Subnets;
    for (const family of Object.keys(network.plans) as Family[])
      if (own[family] === undefined)
        throw new RoutingError('EFLANNEL', `this host has no ${family} address: set "addresses" of agent.yaml`);
    try {
      return await holdLease(store, { network, records, addresses: own, previous: this.#previous(), held: this.#held, macOf });
    } catch (error) {
      if (error instanceof RoutingError) {
        this.#isWithout = true;
        onChange();
      }
      throw error;
    }
  }

  #previous(): Subnets | undefined {
    if (this.#own !== undefined) return subnetsOf(this.#own);
    const subnets = this.#options.previous();
    return subnets.length === 0 ? undefined : Object.fromEntries(subnets.map((subnet) => [familyOf(subnet), subnet]));
  }

  /** Until the lease or the configuration is another, or the signal. */
  async #follow(store: Store, signal: AbortSignal): Promise<void> {
    const { config, log, onChange } = this.#options;
    const lost = new AbortController();
    const { lease, name, value } = this.#held!;
    void lease?.lost.then(() => lost.abort());
    for await (const { revision, events } of store.watch(`${config.prefix}/`, {
      from: this.#next!,
      history: this.#history,
      signal: AbortSignal.any([signal, lost.signal]),
    })) {
      const changed = events.map((event) => ({ what: this.#records!.take(event), event }));
      this.#next = revision + 1;
      const own = changed.findLast(({ what }) => what === name)?.event;
      if (own?.type === 'delete' || changed.some(({ what }) => what === 'config')) {
        if (own !== undefined) log.warn({ lease: name }, "this host's flannel lease is gone: it is taken again if it is free");
        this.#next = undefined;
        return;
      }
      if (own?.type === 'put' && own.entry.value !== value)
        this.#say(
          new Error(`the lease ${name} was written by another: is a flanneld running on this host? Stop it, then start the agent again`),
        );
      if (changed.every(({ what }) => what === undefined)) continue;
      this.#save();
      onChange();
    }
    if (lost.signal.aborted) this.#next = undefined;
  }

  /** What is not saved is only missed after a restart during an outage. */
  #save(): void {
    const { config, path, log } = this.#options;
    try {
      save(path, { prefix: config.prefix, own: this.#own!, records: this.#records! });
    } catch (error) {
      log.warn({ path, error: (error as Error).message }, 'what is known of the flannel network could not be kept');
    }
  }
}
