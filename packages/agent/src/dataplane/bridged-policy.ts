/**
 * What policy takes where an endpoint's interface is a port of a bridge, and is not there where none is: bridges that show the hooks of
 * nftables what goes from port to port, and the table `bridge weir`, which keeps each port to the addresses of its endpoint.
 */
import { KernelError, Netlink, type Nftables, type NftSocket } from '@weir/kernel';
import { type BaseTable, bridgeTable, type DataplaneChange } from '@weir/policy';
import type { Endpoint, EndpointSpec } from '@weir/resources';
import { NftablesTable } from './nftables-table.ts';

export class BridgedPolicy {
  readonly #netlink = Netlink.open();
  readonly #table: NftablesTable;
  /** Of this host's endpoints, by host interface. */
  readonly #bridges = new Map<string, string>();
  /** Bridges that are known to show their packets. */
  readonly #shown = new Set<string>();
  #base: BaseTable | undefined;

  constructor(sockets: { nftables: Nftables; socket: NftSocket }) {
    this.#table = new NftablesTable({ family: 'bridge', table: 'weir' }, sockets);
  }

  /** Takes note of a change of an endpoint of this host; `bringInStep` carries it out. */
  learn(before: Endpoint | undefined, after: Endpoint | undefined): void {
    if (before !== undefined) this.#bridges.delete(before.spec.hostInterface);
    if (after?.spec.bridge === undefined) return;
    this.#bridges.set(after.spec.hostInterface, after.spec.bridge);
    // Under its name there may be another bridge by now.
    this.#shown.delete(after.spec.bridge);
  }

  desire(change: DataplaneChange['bridge']): void {
    this.#table.desire(change);
  }

  /** What the kernel has is read again before the next change: somebody else may have changed it. */
  forgetActual(): void {
    this.#table.forgetActual();
    this.forgetBridges();
  }

  /** Bridges are told again with the next change to show their packets: that somebody told them otherwise is no change of nftables. */
  forgetBridges(): void {
    this.#shown.clear();
  }

  /** Throws KernelError when the kernel refused something. */
  bringInStep(): void {
    if (!this.#table.isWanted) {
      this.#table.remove();
      return;
    }
    this.#table.bringInStep(this.#baseTable);
    for (const bridge of this.#bridges.values()) if (!this.#shown.has(bridge)) this.#show(bridge);
  }

  /** As NftablesTable has it. */
  drift(endpoint: EndpointSpec): string[] {
    return this.#table.isWanted ? this.#table.drift(endpoint, this.#baseTable) : [];
  }

  get #baseTable(): BaseTable {
    this.#base ??= bridgeTable();
    return this.#base;
  }

  /** The bridge of an endpoint that is not yet collected may be gone, and come back as another one. */
  #show(bridge: string): void {
    try {
      this.#netlink.setLink(bridge, { bridge: { callIpv4Hooks: true, callIpv6Hooks: true } });
      this.#shown.add(bridge);
    } catch (error) {
      if (!(error instanceof KernelError && error.code === 'ENODEV')) throw error;
    }
  }

  close(): void {
    this.#netlink.close();
  }
}
