import type { Direction, Family } from '@weir/resources';
import { contentHash } from './content-hash.ts';
import type { PeerTable } from './peer-table.ts';
import { type ChainStatement, type Verdict, verdictText } from './statement.ts';
import { sameVerdict } from './table.ts';

/** Where the packets of an interface go, in one direction: the verdict of its element in the dispatch map, and the chains behind it. */
export interface Entry {
  readonly verdict: Verdict;
  readonly chains: readonly ChainStatement[];
}

export type TablesByFamily = Readonly<Record<Family, PeerTable>>;

const NFT_FAMILY: Readonly<Record<Family, 'ip' | 'ip6'>> = { IPv4: 'ip', IPv6: 'ip6' };
const PEER_FIELD: Readonly<Record<Direction, string>> = { Ingress: 'saddr', Egress: 'daddr' };
const LOCAL_FIELD: Readonly<Record<Direction, string>> = { Ingress: 'daddr', Egress: 'saddr' };

/** The group that endpoints with these programs share: looks the peer's address up, single addresses first, then nets. */
export function groupEntry(direction: Direction, tables: TablesByFamily): Entry {
  const lookups = (['IPv4', 'IPv6'] as const).flatMap((family) => {
    const { addressMap, netMap } = tables[family];
    const field = `${NFT_FAMILY[family]} ${PEER_FIELD[direction]}`;
    return [
      ...(addressMap === undefined ? [] : [`${field} vmap @${addressMap.name} comment "peers by address"`]),
      ...(netMap === undefined ? [] : [`${field} vmap @${netMap.name} comment "peers by net"`]),
    ];
  });
  const [rest4, rest6] = [tables.IPv4.defaultClass.verdict, tables.IPv6.defaultClass.verdict];
  const isOne = sameVerdict(rest4, rest6);
  if (isOne && lookups.length === 0) return { verdict: rest4, chains: [] };
  const rest = [...(isOne ? [] : [`meta nfproto ipv4 ${verdictText(rest4)}`]), `${verdictText(rest6)} comment "everybody else"`];
  return chainEntry('g', [...lookups, ...rest], []);
}

/**
 * The entry of an interface whose addresses have different programs, since a rule tells its own addresses apart by net. An address that
 * is not the endpoint's has no business there.
 */
export function entryByLocalAddress(direction: Direction, entries: readonly { family: Family; address: string; entry: Entry }[]): Entry {
  const rules = (['IPv4', 'IPv6'] as const).flatMap((family) => {
    const own = entries.filter((entry) => entry.family === family);
    const members = own.map(({ address, entry }) => `${address} : ${verdictText(entry.verdict)}`);
    return members.length === 0 ? [] : [`${NFT_FAMILY[family]} ${LOCAL_FIELD[direction]} vmap { ${members.join(', ')} }`];
  });
  const inner = entries.flatMap(({ entry }) => entry.chains);
  return chainEntry('l', [...rules, 'drop comment "no address of this endpoint"'], inner);
}

function chainEntry(prefix: string, rules: string[], inner: readonly ChainStatement[]): Entry {
  const chain: ChainStatement = { kind: 'chain', name: `${prefix}_${contentHash(rules.join('\n'))}`, rules };
  return { verdict: { kind: 'goto', chain: chain.name }, chains: [...inner, chain] };
}
