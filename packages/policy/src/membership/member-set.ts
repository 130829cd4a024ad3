import type { Family } from '@weir/resources';
import type { NetCover } from '../ranges/net-cover.ts';
import type { Member } from './member.ts';

/**
 * The addresses that one criterion of a rule stands for, by selector and scope, or by having a port of some name. There is one set for
 * equal criteria, however many rules have it.
 */
export interface MemberSet {
  readonly key: string;
  readonly members: Set<Member>;
  /** Single addresses, each with the number of members that have it: two endpoints may claim one address for a while. */
  readonly addresses: Readonly<Record<Family, Map<string, number>>>;
  /** CIDRs of more than one address, and all of those who have many; other single ones are among `addresses`. */
  readonly nets: NetCover;
}
