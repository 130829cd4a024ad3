import type { Direction, Family } from '@weir/resources';
import { peerField } from '../peers/many-peers.ts';
import type { PeerTable } from '../peers/peer-table.ts';
import { contentHash } from '../statements/content-hash.ts';
import { IPV4_ETHER_TYPE, type Rule, type RuleExpression, ruleText } from '../statements/rule.ts';
import type { ChainStatement } from '../statements/statement.ts';
import { DENIED, sameVerdict, type Verdict } from '../statements/verdict.ts';

/** Where the packets of an interface go, in one direction: the verdict of its element in the dispatch map, and the chains behind it. */
export interface Entry {
  readonly verdict: Verdict;
  readonly chains: readonly ChainStatement[];
}

export type TablesByFamily = Readonly<Record<Family, PeerTable>>;

const NFT_FAMILY: Readonly<Record<Family, 'ip' | 'ip6'>> = { IPv4: 'ip', IPv6: 'ip6' };
const LOCAL_FIELD = { Ingress: 'daddr', Egress: 'saddr' } as const;

/** The group that endpoints with these programs share: looks the peer's address up, single addresses first, then nets, then sets of many. */
export function groupEntry(direction: Direction, tables: TablesByFamily): Entry {
  const lookups = (['IPv4', 'IPv6'] as const).flatMap((family) => {
    const { addressMap, nets, many } = tables[family];
    const field = peerField(direction, family);
    const lookUp = (map: string, comment: string): Rule => ({ expressions: [{ kind: 'vmap', field, map }], comment });
    return [...(addressMap === undefined ? [] : [lookUp(addressMap.name, 'peers by address')]), ...nets.rules, ...many.rules];
  });
  const [rest4, rest6] = [tables.IPv4.many.verdict, tables.IPv6.many.verdict];
  const isOne = sameVerdict(rest4, rest6);
  if (isOne && lookups.length === 0) return { verdict: rest4, chains: [] };
  const isIpv4: RuleExpression = { kind: 'match', fields: ['meta protocol'], members: [[[IPV4_ETHER_TYPE, IPV4_ETHER_TYPE]]] };
  const rest: Rule[] = [
    ...(isOne ? [] : [{ expressions: [isIpv4, { kind: 'verdict' as const, verdict: rest4 }] }]),
    { expressions: [{ kind: 'verdict', verdict: rest6 }], comment: 'everybody else' },
  ];
  return chainEntry('g', [...lookups, ...rest], [...tables.IPv4.many.chains, ...tables.IPv6.many.chains]);
}

/**
 * The entry of an interface whose addresses have different programs, since a rule tells its own addresses apart by net.
 *
 * @param others for other addresses; absent: these have no business there
 */
export function entryByLocalAddress(
  direction: Direction,
  entries: readonly { family: Family; address: string; entry: Entry }[],
  others?: Entry,
): Entry {
  const rules = (['IPv4', 'IPv6'] as const).flatMap((family): Rule[] => {
    const own = entries.filter((entry) => entry.family === family);
    const map = own.map(({ address, entry }) => ({ address, verdict: entry.verdict }));
    return map.length === 0 ? [] : [{ expressions: [{ kind: 'vmap', field: `${NFT_FAMILY[family]} ${LOCAL_FIELD[direction]}`, map }] }];
  });
  const inner = entries.flatMap(({ entry }) => entry.chains);
  const rest: Rule =
    others === undefined
      ? { expressions: [{ kind: 'verdict', verdict: DENIED }], comment: 'no address of this endpoint' }
      : { expressions: [{ kind: 'verdict', verdict: others.verdict }], comment: 'addresses that nobody told of' };
  return chainEntry('l', [...rules, rest], [...inner, ...(others?.chains ?? [])]);
}

function chainEntry(prefix: string, rules: Rule[], inner: readonly ChainStatement[]): Entry {
  const chain: ChainStatement = { kind: 'chain', name: `${prefix}_${contentHash(rules.map(ruleText).join('\n'))}`, rules };
  return { verdict: { kind: 'goto', chain: chain.name }, chains: [...inner, chain] };
}
