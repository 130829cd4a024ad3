import type { Labels, NamedPort } from '@weir/resources';

/** What a selector can take: an endpoint of any host, with its addresses, or a network set, with its nets. */
export interface Member {
  readonly key: string;
  /** Absent for what is in none. */
  readonly namespace?: string;
  /** Of an endpoint of another cluster, that one's name: only selectors that say something of clusters take it. */
  readonly cluster?: string;
  /** As selectors see them. */
  readonly labels: Labels;
  /** Of an endpoint, without those that it inherits from its namespace; absent for network sets. */
  readonly ownLabels?: Labels;
  /** Of an endpoint; empty for network sets. */
  readonly addresses: readonly string[];
  /** Of a network set; empty for endpoints. */
  readonly cidrs: readonly string[];
  /** Whether CIDRs of one address count as nets, too: to read a hash set of a million back from the kernel takes forty seconds, and from lists of nets four. */
  readonly areAllNets?: boolean;
  readonly ports: readonly NamedPort[];
}
