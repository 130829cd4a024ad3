/**
 * The part of the base table that tells of packets: what is denied, on its way out, and what is allowed, with its first packet. As many as
 * somebody can look at: at most so many a second of each source, and of all. The rest is counted.
 */

import { ALLOW_PREFIX, DENIALS, type Denial, denyPrefix, LOG_RATE, PACKET_LOG_GROUP, SOURCE_RATE } from '../program/packet-log.ts';
import type { FixedChain } from '../statements/fixed-table.ts';

/** The chain for what policy let through. */
export const ALLOWED = 'allowed';

const FAMILIES = [
  { ip: 'ip', version: '4' },
  { ip: 'ip6', version: '6' },
] as const;

const denials = Object.entries(DENIALS) as [Denial, string][];

/** Sources that are remembered at a time: beyond it those that are new are not told of for a while. */
const REMEMBERED_SOURCES = 4096;

export const RECORDING_SETS: string[] = [
  ...['allowed', 'denied'].flatMap((what) =>
    FAMILIES.map(
      ({ version }) =>
        `set ${what}_rate${version} { type ipv${version}_addr; flags dynamic,timeout; timeout 10s; size ${REMEMBERED_SOURCES}; }`,
    ),
  ),
  ...denials.map(([, chain]) => `counter ${chain} { }`),
];

export const RECORDING_CHAINS: Record<string, FixedChain> = {
  [ALLOWED]: { rules: record('allowed', ALLOW_PREFIX) },
  ...Object.fromEntries(
    denials.map(([denial, chain]) => [chain, { rules: [`counter name ${chain}`, ...record('denied', denyPrefix(denial)), 'drop'] }]),
  ),
};

function record(what: 'allowed' | 'denied', prefix: string): string[] {
  return FAMILIES.map(
    ({ ip, version }) =>
      `add @${what}_rate${version} { ${ip} saddr ${rate(SOURCE_RATE)} } ${rate(LOG_RATE)} log prefix "${prefix}" group ${PACKET_LOG_GROUP}`,
  );
}

function rate({ perSecond, burst }: typeof LOG_RATE): string {
  return `limit rate ${perSecond}/second burst ${burst} packets`;
}
