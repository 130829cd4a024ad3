/** What the rules of the table tell of packets, and how they say it: by NFLOG, each with a prefix that says why. */
import type { Direction } from '@weir/resources';
import type { RuleExpression } from '../statements/rule.ts';
import type { PolicyName } from './policy-rule.ts';

/** NFLOG group of all that Weir's rules log. Number of the agent's HTTP port, as good as any; 0 to 2 are in use by others. */
export const PACKET_LOG_GROUP = 9480;

/** What packets are recorded for. Of those denied, whether policy said so or the base table; the name of the chain goes with it. */
export const DENIALS = {
  policy: 'denied',
  /** Not the address of the interface, or no hardware address of its own. */
  source: 'denied_source',
  /** No packet that begins a flow, and of none that is known. */
  state: 'denied_state',
  /** The interface has no endpoint. */
  unknown: 'denied_unknown',
  /** From outside of the cluster to a pool that is private. */
  private: 'denied_private',
  /** Containers make no tunnels, and tunnels come from hosts of the cluster. */
  tunnel: 'denied_tunnel',
} as const;

export type Denial = keyof typeof DENIALS;

/** Why a packet was logged. */
export type LogCause =
  | { kind: 'Allow' }
  | { kind: 'Deny'; denial: Denial }
  /** By a rule with the action Log. */
  | { kind: 'Log'; policy: PolicyName; direction: Direction; ruleIndex: number };

/** Packets that are shown a second, of each rule that logs. What is more costs a comparison. */
export const LOG_RATE = { perSecond: 100, burst: 200 };
/** The same, of each source: one that floods is not to hide the others. */
export const SOURCE_RATE = { perSecond: 10, burst: 30 };

/** Denied packets of one source in a second, from which on it floods, about: an agent that is told of it mutes the source for a while. */
export const FLOOD_RATE = 1_024;
/** The same of one destination: as many as only some sources together send, before they are muted each by itself. */
export const FLOOD_TO_RATE = 4_096;
/** How often an agent is told of that. */
export const FLOOD_LOG_RATE = { perSecond: 10, burst: 10 };

export const LOGGED_RATE: RuleExpression = { kind: 'limit', ...LOG_RATE };

export const ALLOW_PREFIX = 'weir allow';
/** Of what tells of a source that floods, or of a destination that is flooded, and of no flow. */
export const FLOOD_PREFIX = 'weir flood';
export const FLOOD_TO_PREFIX = 'weir flood to';
export const denyPrefix = (denial: Denial): string => `weir deny ${denial}`;

/** As in `linux/netfilter/nf_log.h`: NF_LOG_PREFIXLEN is 128 with the final NUL. */
const LONGEST_PREFIX = 127;

/** Prefix of a rule with the action Log: `weir Policy shop/web Ingress 3: `. A name too long for it loses its end. */
export function logPrefix({ policy, direction, index }: { policy: PolicyName; direction: Direction; index: number }): string {
  const name = policy.namespace === undefined ? policy.name : `${policy.namespace}/${policy.name}`;
  const [before, after] = [`weir ${policy.kind} `, ` ${direction} ${index}: `];
  return `${before}${name.slice(0, LONGEST_PREFIX - before.length - after.length)}${after}`;
}

const LOG_RULE =
  /^weir (?<kind>Policy|GlobalPolicy) (?:(?<namespace>[^/ ]+)\/)?(?<name>[^ ]+) (?<direction>Ingress|Egress) (?<index>\d+): $/;

/** The inverse of the prefixes; undefined for one that is none of ours. */
export function parseLogPrefix(prefix: string): LogCause | undefined {
  if (prefix === ALLOW_PREFIX) return { kind: 'Allow' };
  for (const denial of Object.keys(DENIALS) as Denial[]) if (prefix === denyPrefix(denial)) return { kind: 'Deny', denial };
  const parts = LOG_RULE.exec(prefix)?.groups;
  if (parts === undefined) return undefined;
  const { kind, namespace, name, direction, index } = parts;
  return {
    kind: 'Log',
    policy: { kind: kind as PolicyName['kind'], ...(namespace !== undefined && { namespace }), name: name! },
    direction: direction as Direction,
    ruleIndex: Number(index),
  };
}
