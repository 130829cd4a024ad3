/**
 * The part of the base table that tells of packets: what is denied, on its way out, and what is allowed, with its first packet. As many as
 * somebody can look at: at most so many a second of each source, and of all. The rest is counted.
 *
 * To keep count of a source costs the kernel more than to drop its packet, so a source that floods is told of once more, for the agent to
 * mute it: then one look-up in a small set of fixed size, which is the cheapest that the kernel has, is all that its packets cost. The
 * counters are those of rules, which cost a tenth of counters with a name.
 */
import { familyOf } from '@weir/resources';
import {
  ALLOW_PREFIX,
  DENIALS,
  type Denial,
  denyPrefix,
  FLOOD_LOG_RATE,
  FLOOD_PREFIX,
  FLOOD_RATE,
  LOG_RATE,
  PACKET_LOG_GROUP,
  SOURCE_RATE,
} from '../program/packet-log.ts';
import type { FixedChain } from '../statements/fixed-table.ts';
import type { ElementStatement } from '../statements/statement.ts';

/** The chain for what policy let through. */
export const ALLOWED = 'allowed';

const FAMILIES = [
  { ip: 'ip', version: '4' },
  { ip: 'ip6', version: '6' },
] as const;

const denials = Object.entries(DENIALS) as [Denial, string][];

/** Sources that are remembered at a time: beyond it those that are new are not told of for a while. */
const REMEMBERED_SOURCES = 4096;

/** Sources of one family that can be muted at a time. */
const MOST_MUTED = 256;

export const RECORDING_SETS: string[] = [
  ...['allowed', 'denied', 'flood'].flatMap((what) =>
    FAMILIES.map(
      ({ version }) =>
        `set ${what}_rate${version} { type ipv${version}_addr; flags dynamic,timeout; timeout 10s; size ${REMEMBERED_SOURCES}; }`,
    ),
  ),
  ...FAMILIES.map(
    ({ version }) =>
      `set muted${version} { type ipv${version}_addr; size ${MOST_MUTED}; comment "who floods: counted, and told of no more"; }`,
  ),
];

/** Of so many denied packets, one by lot is counted as its source's: to count each would cost as much again as to record it. */
const FLOOD_SHARE = 16;

const FLOOD_SAMPLES = { perSecond: FLOOD_RATE / FLOOD_SHARE, burst: FLOOD_RATE / FLOOD_SHARE };

export const RECORDING_CHAINS: Record<string, FixedChain> = {
  [ALLOWED]: { rules: record('allowed', ALLOW_PREFIX) },
  flood: {
    rules: FAMILIES.map(
      ({ ip, version }) =>
        `add @flood_rate${version} { ${ip} saddr ${rate(FLOOD_SAMPLES, 'over ')} } ${rate(FLOOD_LOG_RATE)} log prefix "${FLOOD_PREFIX}" group ${PACKET_LOG_GROUP}`,
    ),
  },
  ...Object.fromEntries(
    denials.map(([denial, chain]) => [
      chain,
      {
        rules: [
          ...FAMILIES.map(({ ip, version }) => `${ip} saddr @muted${version} counter drop`),
          ...record('denied', denyPrefix(denial)),
          `meta random < ${2 ** 32 / FLOOD_SHARE} jump flood`,
          'counter drop',
        ],
      },
    ]),
  ),
};

function record(what: 'allowed' | 'denied', prefix: string): string[] {
  return FAMILIES.map(
    ({ ip, version }) =>
      `add @${what}_rate${version} { ${ip} saddr ${rate(SOURCE_RATE)} } ${rate(LOG_RATE)} log prefix "${prefix}" group ${PACKET_LOG_GROUP}`,
  );
}

function rate({ perSecond, burst }: typeof LOG_RATE, over: 'over ' | '' = ''): string {
  return `limit rate ${over}${perSecond}/second burst ${burst} packets`;
}

/** What mutes sources, as far as there is room for them. */
export function muted(sources: Iterable<string>): ElementStatement[] {
  const byFamily: Record<'IPv4' | 'IPv6', ElementStatement[]> = { IPv4: [], IPv6: [] };
  for (const source of sources) {
    const family = familyOf(source);
    const [set, type] = family === 'IPv4' ? (['muted4', 'ipv4_addr'] as const) : (['muted6', 'ipv6_addr'] as const);
    if (byFamily[family].length < MOST_MUTED) byFamily[family].push({ kind: 'element', set, key: [{ type, value: source }] });
  }
  return [...byFamily.IPv4, ...byFamily.IPv6];
}
