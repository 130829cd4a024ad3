import {
  addressFromNumber,
  cidrContains,
  type Family,
  familyOf,
  type Host,
  type HostSpec,
  type Pool,
  type PoolSpec,
  type RemoteCluster,
} from '@weir/resources';
import { netRanges } from '../ranges/net-ranges.ts';
import { addressType, type ElementStatement, type KeyField, type Statement, statementKey } from '../statements/statement.ts';
import type { Table } from '../statements/table.ts';

const FAMILIES = [
  ['IPv4', '4'],
  ['IPv6', '6'],
] as const;

/**
 * The sets that the base chains know the cluster by: which addresses are its pools', which of these are private or leave under their
 * host's address, which are other clusters', and which are its hosts'. There are few pools, so all of a kind are written anew when one changes; hosts are many, and
 * each is written by itself.
 */
export class NetworkSets {
  readonly #table: Table;
  readonly #pools = new Map<string, PoolSpec>();
  readonly #clusters = new Map<string, readonly string[]>();
  readonly #hosts = new Map<string, readonly string[]>();
  /** By how many hosts an address is claimed: one of two that claim the same may go, and the other still has it. */
  readonly #claims = new Map<string, number>();
  #poolStatements = new Map<string, Statement>();
  #flannelHosts = new Map<string, Statement>();

  constructor(table: Table) {
    this.#table = table;
  }

  putPool(name: string, pool: Pool | undefined): void {
    if (pool === undefined) this.#pools.delete(name);
    else this.#pools.set(name, pool.spec);
    this.#poolsChanged();
  }

  /** Other clusters are to see who speaks: nobody leaves for them under the address of a host. */
  putCluster(name: string, cluster: RemoteCluster | undefined): void {
    if (cluster === undefined) this.#clusters.delete(name);
    else this.#clusters.set(name, cluster.spec.cidrs);
    this.#poolsChanged();
  }

  #poolsChanged(): void {
    const statements = new Map(this.#elements().map((statement) => [statementKey(statement), statement]));
    for (const [key, statement] of statements) if (!this.#poolStatements.has(key)) this.#table.set(statement);
    for (const key of this.#poolStatements.keys()) if (!statements.has(key)) this.#table.delete(key);
    this.#poolStatements = statements;
  }

  putHost(name: string, host: Host | undefined): void {
    const before = this.#hosts.get(name) ?? [];
    const after = host === undefined ? [] : addressesOf(host.spec);
    for (const address of after) this.#claim(address, 1);
    for (const address of before) this.#claim(address, -1);
    if (host === undefined) this.#hosts.delete(name);
    else this.#hosts.set(name, after);
  }

  /** Addresses of the hosts of the flannel network that this host has joined. */
  putFlannelHosts(addresses: Iterable<string>): void {
    const statements = [...new Set(addresses)].map((address) => hostStatement('flannel', address));
    const after = new Map(statements.map((statement) => [statementKey(statement), statement]));
    for (const [key, statement] of after) if (!this.#flannelHosts.has(key)) this.#table.set(statement);
    for (const key of this.#flannelHosts.keys()) if (!after.has(key)) this.#table.delete(key);
    this.#flannelHosts = after;
  }

  /** Whether it is an address of a pool or of a host. */
  isOfCluster(address: string): boolean {
    return this.#claims.has(address) || [...this.#pools.values()].some(({ cidr }) => cidrContains(cidr, address));
  }

  /** CIDR of the private pool that an address is of. */
  privatePool(address: string): string | undefined {
    return [...this.#pools.values()].find(({ cidr, visibility }) => visibility === 'Private' && cidrContains(cidr, address))?.cidr;
  }

  /** Key of the host that has an address. */
  hostAt(address: string): string | undefined {
    if (!this.#claims.has(address)) return undefined;
    for (const [key, addresses] of this.#hosts) if (addresses.includes(address)) return key;
    return undefined;
  }

  #claim(address: string, change: 1 | -1): void {
    const claims = (this.#claims.get(address) ?? 0) + change;
    if (claims === 0) this.#claims.delete(address);
    else this.#claims.set(address, claims);
    const statement = hostStatement('hosts', address);
    if (claims === 0) this.#table.delete(statementKey(statement));
    else this.#table.set(statement);
  }

  #elements(): ElementStatement[] {
    const pools = [...this.#pools.values()];
    const clusters = [...this.#clusters.values()].flat().map((cidr) => ({ cidr }));
    return FAMILIES.flatMap(([family, suffix]) => [
      ...intervals(`clusters${suffix}`, family, clusters),
      ...intervals(`pools${suffix}`, family, pools),
      ...intervals(
        `private${suffix}`,
        family,
        pools.filter(({ visibility }) => visibility === 'Private'),
      ),
      ...intervals(
        `nat${suffix}`,
        family,
        pools.filter(({ natOutgoing }) => natOutgoing),
      ),
    ]);
  }
}

function hostStatement(set: 'hosts' | 'flannel', address: string): Statement {
  const family = familyOf(address);
  return { kind: 'element', set: `${set}${family === 'IPv4' ? '4' : '6'}`, key: [addressField(family, address)] };
}

const addressesOf = ({ addresses }: HostSpec): string[] => [...new Set(addresses)];

/** Pools that touch each other are one interval: the kernel refuses those that overlap, and lists neighbours as one. */
function intervals(set: string, family: Family, pools: readonly Pick<PoolSpec, 'cidr'>[]): ElementStatement[] {
  const { ranges } = netRanges(
    pools.map(({ cidr }) => cidr),
    family,
  );
  return ranges.map(({ first, last }) => ({
    kind: 'element',
    set,
    key: [addressField(family, addressFromNumber(first, family))],
    to: [addressField(family, addressFromNumber(last, family))],
  }));
}

function addressField(family: Family, value: string): KeyField {
  return { type: addressType(family), value };
}
