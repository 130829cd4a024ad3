import { protocolNumber } from '@weir/resources';
import { type Membership, setHolds } from '../membership/membership.ts';
import type { Origin, Program, ProgramRule } from '../program/program.ts';
import { boxesOf, type Point, type PortNumber } from '../program/traffic.ts';
import { netRangesContain } from '../ranges/net-ranges.ts';
import { contains } from '../ranges/range.ts';

export interface Evaluation {
  verdict: 'Allow' | 'Deny';
  /** What decided. */
  origin: Origin;
  /** The `Pass` rules that sent the packet on to the next tier. */
  passedBy: Origin[];
}

/** Asks a program rule by rule, for one packet of a peer. */
export function evaluate(program: Program, peer: string, packet: Point, membership: Membership): Evaluation {
  const { rules, origins, rest } = program;
  const passedBy: Origin[] = [];
  let isPassed = false;
  for (const [index, rule] of rules.entries()) {
    if (rule.action === 'EndOfTier') isPassed = false;
    else if (rule.action !== 'Log' && !isPassed && takesPeer(rule, peer) && takesPacket(rule, program, peer, packet, membership)) {
      if (rule.action !== 'Pass') return { verdict: rule.action, origin: origins[index]!, passedBy };
      isPassed = true;
      passedBy.push(origins[index]!);
    }
  }
  return { verdict: rest, origin: origins.at(-1)!, passedBy };
}

function takesPeer({ nets, notNets, within, without }: ProgramRule, peer: string): boolean {
  if (nets !== undefined && !netRangesContain(nets, peer)) return false;
  if (notNets !== undefined && netRangesContain(notNets, peer)) return false;
  return within.every((set) => setHolds(set, peer)) && !without.some((set) => setHolds(set, peer));
}

function takesPacket(
  { traffic }: ProgramRule,
  { family, direction }: Program,
  peer: string,
  { protocol, first, second }: Point,
  membership: Membership,
): boolean {
  const portsByName = (wanted: string): PortNumber[] =>
    [...membership.membersAt(peer)]
      .flatMap(({ ports }) => ports)
      .filter(({ name }) => name === wanted)
      .map((named) => ({ protocol: protocolNumber(named.protocol), port: named.port }));
  return boxesOf(traffic, { protocol, family, direction, portsByName }).some(
    (box) => contains(box.first, first) && contains(box.second, second),
  );
}
