/**
 * The part of the base table that tells of packets: what is denied, on its way out, and what is allowed, with its first packet. As many as
 * somebody can look at: at most so many a second of each source, and of all. The rest is counted.
 *
 * To keep count of a source costs the kernel more than to drop its packet, so the agent is told of a source that floods, and of a destination
 * that many sources flood, and mutes it: by a rule that compares one address, a fifth of a look-up in a set, before all else. Counters
 * stand in the rules: one with a name costs ten times as much.
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
  FLOOD_TO_PREFIX,
  FLOOD_TO_RATE,
  LOG_RATE,
  PACKET_LOG_GROUP,
  SOURCE_RATE,
} from '../program/packet-log.ts';
import type { FixedChain } from '../statements/fixed-table.ts';
import type { AddressField, Rule } from '../statements/rule.ts';
import { MUTED, type RulesStatement } from '../statements/statement.ts';
import { FAMILIES } from './address-families.ts';

/** The chain for what policy let through. */
export const ALLOWED = 'allowed';

const denials = Object.entries(DENIALS) as [Denial, string][];

/** Sources that are remembered at a time: beyond it those that are new are not told of for a while. */
const REMEMBERED_SOURCES = 4096;

/** Sources of one family that can be muted at a time, and destinations. */
const MOST_MUTED = 256;

/** Sets that packets of a flood write to: it fills them up to others' loss, until it is muted. */
export const RATES_OF_FLOODS: string[] = ['denied_rate', 'flood_rate', 'flood_to_rate'].flatMap((set) =>
  FAMILIES.map(({ version }) => `${set}${version}`),
);

export const RECORDING_SETS: string[] = ['allowed_rate4', 'allowed_rate6', ...RATES_OF_FLOODS].map(
  (set) => `set ${set} { type ipv${set.at(-1)}_addr; flags dynamic,timeout; timeout 10s; size ${REMEMBERED_SOURCES}; }`,
);

/** Of so many denied packets, one by lot is counted as its source's and its destination's: to count each would cost as much again as to record it. */
const FLOOD_SHARE = 16;

const FLOODS = [
  { set: 'flood_rate', field: 'saddr', perSecond: FLOOD_RATE / FLOOD_SHARE, prefix: FLOOD_PREFIX },
  { set: 'flood_to_rate', field: 'daddr', perSecond: FLOOD_TO_RATE / FLOOD_SHARE, prefix: FLOOD_TO_PREFIX },
];

export const RECORDING_CHAINS: Record<string, FixedChain> = {
  [ALLOWED]: { rules: record('allowed', ALLOW_PREFIX) },
  flood: {
    rules: FLOODS.flatMap(({ set, field, perSecond, prefix }) =>
      FAMILIES.map(
        ({ ip, version }) =>
          `add @${set}${version} { ${ip} ${field} ${rate({ perSecond, burst: perSecond }, 'over ')} } ${rate(FLOOD_LOG_RATE)} log prefix "${prefix}" group ${PACKET_LOG_GROUP}`,
      ),
    ),
  },
  [MUTED]: { rules: [], isOpen: true },
  ...Object.fromEntries(
    denials.map(([denial, chain]) => [
      chain,
      {
        rules: [
          `counter jump ${MUTED}`,
          ...record('denied', denyPrefix(denial)),
          `meta random < ${2 ** 32 / FLOOD_SHARE} jump flood`,
          'drop',
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

/** Of whose denied packets is told no more than how many they are. */
export interface Muted {
  sources: Iterable<string>;
  destinations: Iterable<string>;
}

/** What mutes them, as far as there is room; undefined when there is nobody. */
export function mutedRules({ sources, destinations }: Muted): RulesStatement | undefined {
  const rules = [...mutes('saddr', sources), ...mutes('daddr', destinations)];
  return rules.length === 0 ? undefined : { kind: 'rules', chain: MUTED, rules };
}

function mutes(end: 'saddr' | 'daddr', addresses: Iterable<string>): Rule[] {
  const byFamily = Map.groupBy(addresses, familyOf);
  return FAMILIES.flatMap(({ ip, version }): Rule[] => {
    const own = byFamily.get(`IPv${version}`)?.slice(0, MOST_MUTED) ?? [];
    const field: AddressField = `${ip} ${end}`;
    return own.length === 0
      ? []
      : [
          {
            expressions: [
              { kind: 'among', field, addresses: own },
              { kind: 'verdict', verdict: { kind: 'drop' } },
            ],
          },
        ];
  });
}
