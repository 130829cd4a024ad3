import { CLUSTER_LABEL, cidrContains, cidrsOverlap, type Pool, type RemoteCluster, type RemoteEndpoint } from '@weir/resources';
import type { Member } from './member.ts';
import { getOrCreate } from './multimap.ts';

/** Where another cluster's endpoints are believed to be: in what its RemoteCluster declares, but for what is this cluster's, or a third one's. */
export interface RemoteRanges {
  readonly cidrs: readonly string[];
  /** Of pools of this cluster, and of other RemoteClusters: those that overlap. None, as long as objects are written by Weir's own tools. */
  readonly others: readonly string[];
}

/** Of each RemoteCluster, by its name. */
export function remoteRanges(clusters: Iterable<RemoteCluster>, pools: Iterable<Pool>): Map<string, RemoteRanges> {
  const declared = [...clusters].map(({ metadata, spec }) => ({ name: metadata.name, cidrs: spec.cidrs }));
  const own = [...pools].filter(({ spec }) => spec.network === undefined).map(({ spec }) => spec.cidr);
  return new Map(
    declared.map(({ name, cidrs }) => {
      const elsewhere = [...own, ...declared.filter((other) => other.name !== name).flatMap((other) => other.cidrs)];
      return [name, { cidrs, others: elsewhere.filter((one) => cidrs.some((cidr) => cidrsOverlap(cidr, one))).sort() }];
    }),
  );
}

/** Whether an address may be one of the other cluster's. */
export function isBelieved({ cidrs, others }: RemoteRanges, address: string): boolean {
  return cidrs.some((cidr) => cidrContains(cidr, address)) && !others.some((cidr) => cidrContains(cidr, address));
}

/** The endpoints of other clusters as members: of clusters that there are, at addresses that are believed. */
export class RemotePeers {
  readonly #clusters = new Map<string, RemoteCluster>();
  readonly #pools = new Map<string, Pool>();
  readonly #endpoints = new Map<string, Map<string, RemoteEndpoint>>();
  #ranges: ReadonlyMap<string, RemoteRanges> = new Map();

  /** @returns keys of the endpoints whose member may be another one by now */
  putCluster(name: string, cluster: RemoteCluster | undefined): string[] {
    if (cluster === undefined) this.#clusters.delete(name);
    else this.#clusters.set(name, cluster);
    return this.#rangesChanged();
  }

  /** As {@link putCluster}. */
  putPool(key: string, pool: Pool | undefined): string[] {
    if (pool === undefined) this.#pools.delete(key);
    else this.#pools.set(key, pool);
    return this.#rangesChanged();
  }

  putEndpoint(key: string, endpoint: RemoteEndpoint | undefined): void {
    for (const [cluster, endpoints] of this.#endpoints) if (endpoints.delete(key) && endpoints.size === 0) this.#endpoints.delete(cluster);
    if (endpoint === undefined) return;
    getOrCreate(this.#endpoints, endpoint.spec.cluster, () => new Map<string, RemoteEndpoint>()).set(key, endpoint);
  }

  /** Undefined where it is nobody here. */
  member(key: string): { member: Member; endpoint: RemoteEndpoint } | undefined {
    for (const [cluster, endpoints] of this.#endpoints) {
      const endpoint = endpoints.get(key);
      const ranges = this.#ranges.get(cluster);
      if (endpoint === undefined || ranges === undefined) continue;
      const { metadata, spec } = endpoint;
      const addresses = [...new Set(spec.addresses)].filter((address) => isBelieved(ranges, address));
      const labels = { ...metadata.labels, [CLUSTER_LABEL]: cluster };
      return {
        endpoint,
        member: { key, namespace: metadata.namespace!, cluster, labels, ownLabels: labels, addresses, cidrs: [], ports: [] },
      };
    }
    return undefined;
  }

  #rangesChanged(): string[] {
    const before = this.#ranges;
    this.#ranges = remoteRanges(this.#clusters.values(), this.#pools.values());
    const isOther = (name: string) => JSON.stringify(before.get(name)) !== JSON.stringify(this.#ranges.get(name));
    return [...this.#endpoints].filter(([name]) => isOther(name)).flatMap(([, endpoints]) => [...endpoints.keys()]);
  }
}
