/**
 * Networks with their own address space, as far as they are on this host. Each has a network namespace of its own in which the host's ends of
 * its containers' links are: with routes, neighbours, connection tracking and a table `inet weir` that know of no other network. So the
 * same address can be in several at once, and nothing leads from one to another, or out.
 */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createNamespace, deleteNamespace, inNamespace, KernelError, Netlink, openNamespace } from '@weir/kernel';
import { type AnyObject, type Endpoint, type HostSpec, type Kind, keyOf, type ObjectId, spaceOf } from '@weir/resources';
import { hostSetup, LinkReaper, mendContainers } from '@weir/routing';
import type { ClusterState } from '../cluster-state.ts';
import type { AgentConfig } from '../config.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { Dataplane } from './dataplane.ts';

/** What policy within a network depends on. */
const KINDS: ReadonlySet<Kind> = new Set(['Endpoint', 'GlobalNetworkSet', 'GlobalPolicy', 'Namespace', 'NetworkSet', 'Policy', 'Tier']);

export interface OwnNetwork {
  name: string;
  /** Path of its namespace. */
  namespace: string;
  /** Of that namespace. */
  netlink: Netlink;
  reaper: LinkReaper;
  dataplane: Dataplane;
  /** Links that are being made: until they are, nothing shows that the namespace is in use. */
  begun: number;
}

export interface OwnNetworksOptions {
  config: AgentConfig;
  state: ClusterState;
  log: Logger;
  metrics: Metrics;
}

export class OwnNetworks {
  readonly #of: OwnNetworksOptions;
  readonly #folder: string;
  readonly #open = new Map<string, OwnNetwork>();
  /** Objects in the store that are not valid, for networks that come later. */
  readonly #invalid = new Map<string, { id: ObjectId; value: unknown }>();
  readonly #closing = new Set<Promise<void>>();

  /** With the networks that an earlier process left. */
  constructor(options: OwnNetworksOptions) {
    this.#of = options;
    this.#folder = join(options.config.runDir, 'networks');
    mkdirSync(this.#folder, { recursive: true });
    for (const name of readdirSync(this.#folder)) {
      if (isNamespace(join(this.#folder, name))) this.#openNetwork(name);
      else deleteNamespace(join(this.#folder, name)); // the file that a mount was on before the machine was started anew
    }
  }

  get isEmpty(): boolean {
    return this.#open.size === 0;
  }

  get all(): Iterable<OwnNetwork> {
    return this.#open.values();
  }

  /** The one in whose namespace the link is. */
  having(hostInterface: string): OwnNetwork | undefined {
    for (const network of this.#open.values()) if (network.netlink.link(hostInterface) !== undefined) return network;
    return undefined;
  }

  of(endpoint: Endpoint): OwnNetwork | undefined {
    return this.#open.get(spaceOf(endpoint.spec) ?? '');
  }

  /** Made if it is not there. Its rules are in force before this returns: an interface that they do not know carries nothing. Throws KernelError. */
  ensure(name: string): OwnNetwork {
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    const path = join(this.#folder, name);
    createNamespace(path);
    try {
      const network = this.#openNetwork(name);
      network.dataplane.apply(this.#hostSpec);
      this.#of.log.info({ network: name, namespace: path }, 'a network with its own address space begins on this host');
      return network;
    } catch (error) {
      this.#drop(name, path);
      throw error;
    }
  }

  #openNetwork(name: string): OwnNetwork {
    const { config, state, log, metrics } = this.#of;
    const namespace = join(this.#folder, name);
    inNamespace(namespace, hostSetup);
    const netlink = Netlink.open({ namespace });
    const options = { host: config.host, space: name, vxlan: config.vxlan, log: log.child({ network: name }), metrics };
    const dataplane = inNamespace(namespace, () => new Dataplane(options));
    const network = { name, namespace, netlink, reaper: new LinkReaper(netlink), dataplane, begun: 0 };
    for (const object of state.all()) if (KINDS.has(object.kind)) dataplane.learn(undefined, object);
    for (const { id, value } of this.#invalid.values()) dataplane.learnInvalid(id, value);
    this.#open.set(name, network);
    return network;
  }

  /** Takes note of a change of an object; `apply` puts it in force. */
  learn(before: AnyObject | undefined, after: AnyObject | undefined): void {
    if (after !== undefined) this.#invalid.delete(keyOf(after));
    const kind = (after ?? before)?.kind;
    if (kind === undefined || !KINDS.has(kind)) return;
    for (const { dataplane } of this.#open.values()) dataplane.learn(before, after);
  }

  learnInvalid(id: ObjectId, value: unknown): void {
    this.#invalid.set(keyOf({ kind: id.kind, metadata: id }), { id, value });
    for (const { dataplane } of this.#open.values()) dataplane.learnInvalid(id, value);
  }

  forget(id: ObjectId): void {
    this.#invalid.delete(keyOf({ kind: id.kind, metadata: id }));
    for (const { dataplane } of this.#open.values()) dataplane.forget(id);
  }

  get #hostSpec(): HostSpec | undefined {
    return this.#of.state.host?.spec;
  }

  /** Puts everything that was learnt in force, in every network; then throws the first of the failures. */
  apply(): void {
    const failures: unknown[] = [];
    for (const { dataplane } of this.#open.values()) {
      try {
        dataplane.apply(this.#hostSpec);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  /** Whether somebody else changed the rules of any. */
  get isTouched(): boolean {
    return [...this.#open.values()].some(({ dataplane }) => dataplane.isTouched);
  }

  forgetActual(): void {
    for (const { dataplane } of this.#open.values()) dataplane.forgetActual();
  }

  forgetBridges(): void {
    for (const { dataplane } of this.#open.values()) dataplane.forgetBridges();
  }

  async settled(): Promise<void> {
    await Promise.all([...this.#open.values()].map(({ dataplane }) => dataplane.settled()));
  }

  /** Puts right what somebody changed of forwarding, links, routes and neighbours. Throws KernelError. @param isBeingMade of a link, by name */
  repair(isBeingMade: (hostInterface: string) => boolean): void {
    for (const { name, namespace, netlink } of this.#open.values()) {
      const containers = this.#of.state
        .localEndpoints()
        .flatMap(({ spec }) => (spaceOf(spec) === name && !isBeingMade(spec.hostInterface) ? [spec] : []));
      const done = [...inNamespace(namespace, hostSetup), ...mendContainers(netlink, containers)];
      if (done.length > 0) this.#of.log.warn({ network: name, done }, 'somebody changed routes or links of the network: repaired');
    }
  }

  /** Removes the namespaces in which no link is any more. */
  dropUnused(): void {
    for (const { name, namespace, netlink, begun } of this.#open.values()) {
      if (begun > 0 || netlink.links().some((link) => link.name !== 'lo')) continue;
      this.#of.log.info({ network: name }, 'a network with its own address space ends on this host');
      this.#drop(name, namespace);
    }
  }

  #drop(name: string, path: string): void {
    const network = this.#open.get(name);
    this.#open.delete(name);
    deleteNamespace(path);
    if (network === undefined) return;
    const closing = closeNetwork(network).finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#closing, ...[...this.#open.values()].map(closeNetwork)]);
    this.#open.clear();
  }
}

async function closeNetwork({ dataplane, reaper, netlink }: OwnNetwork): Promise<void> {
  await dataplane.settled();
  await reaper.close();
  dataplane.close();
  netlink.close();
}

function isNamespace(path: string): boolean {
  try {
    openNamespace(path).close();
    return true;
  } catch (error) {
    if (error instanceof KernelError && error.code === 'EINVAL') return false;
    throw error;
  }
}
