/** Pure: who sent what to whom and why it was let through or not, for a packet that the table told of. */
import type { LoggedPacket } from '@weir/kernel';
import type { Because, Decision, Denial, LogCause, PolicyCalculator, Reason } from '@weir/policy';
import type { FlowReason, FlowRecord } from '@weir/resources';

export type Policy = Pick<PolicyCalculator, 'decide' | 'partyAt'>;

/** What tells one record from another. */
export type FlowIdentity = Pick<
  LoggedPacket,
  'source' | 'destination' | 'protocol' | 'sourcePort' | 'destinationPort' | 'icmpType' | 'icmpCode'
>;

export type FlowDescription = Pick<FlowRecord, 'verdict' | 'source' | 'destination' | 'because' | 'staged'>;

/** What the base table denies beside policy. */
const DENIED_BECAUSE: Readonly<Record<Exclude<Denial, 'policy'>, string>> = {
  source: 'not an address of the interface',
  state: 'not the begin of a flow',
  unknown: 'no endpoint is known at the interface',
  private: 'the pool is private',
  tunnel: 'a tunnel that is none of the hosts',
};

/** The kernel judged by other rules than those that are there by now. */
const CHANGED: FlowReason = { default: 'policy has changed since' };

export function describeFlow(packet: LoggedPacket, cause: LogCause, policy: Policy): FlowDescription {
  return describe(packet, cause, decisionOn(packet, policy), policy);
}

function describe(packet: FlowIdentity, cause: LogCause, decision: Decision | undefined, policy: Policy): FlowDescription {
  const staged = decision && stagedOutcome(decision);
  return { verdict: cause.kind, ...flowEnds(packet, policy), because: reasonOf(cause, decision), ...(staged && { staged }) };
}

/** What is allowed beside all policy, which the table does not tell of. */
const NOT_TOLD: ReadonlySet<Because['default']> = new Set<Because['default']>([
  'Mesos agent port',
  'health checks',
  'DNS of its host',
  'failsafe port',
  'tunnel port',
  'own traffic',
]);

/**
 * Why a flow is allowed whose first packet was not told of, by the rules as they are now. Undefined for one that the table would not tell of,
 * or with no container of this host at an end.
 */
export function describeAllowed(flow: FlowIdentity, policy: Policy): FlowDescription | undefined {
  const decision = decisionOn(flow, policy);
  if (decision === undefined || !decision.steps.some(({ because }) => because.endpoint?.namespace !== undefined)) return undefined;
  if (NOT_TOLD.has(decision.because.default)) return undefined;
  return describe(flow, { kind: 'Allow' }, decision, policy);
}

export function flowEnds({ source, destination }: FlowIdentity, policy: Policy): Pick<FlowDescription, 'source' | 'destination'> {
  return { source: policy.partyAt(source), destination: policy.partyAt(destination) };
}

/** Undefined for what is no flow to policy. */
function decisionOn(packet: FlowIdentity, policy: Policy): Decision | undefined {
  // Hop-by-hop options are all that was to be seen of it.
  if (packet.protocol === 0) return undefined;
  const { source, destination, protocol, sourcePort, destinationPort, icmpType, icmpCode } = packet;
  return policy.decide({
    source,
    destination,
    protocol,
    ...(sourcePort !== undefined && { sourcePort }),
    ...(destinationPort !== undefined && { destinationPort }),
    ...(icmpType !== undefined && { icmpType }),
    ...(icmpCode !== undefined && { icmpCode }),
  });
}

function reasonOf(cause: LogCause, decision: Decision | undefined): FlowReason {
  if (cause.kind === 'Log') {
    const { direction, policy, ruleIndex } = cause;
    return { direction, policy, ruleIndex };
  }
  const decided = decision?.verdict === cause.kind ? plainReason(decision.because) : undefined;
  if (cause.kind === 'Allow' || cause.denial === 'policy') return decided ?? CHANGED;
  // What is cut when policy forbids it goes on to send for a while.
  if (cause.denial === 'state' && decided !== undefined) return decided;
  return { default: DENIED_BECAUSE[cause.denial] };
}

function plainReason({ direction, tier, policy, ruleIndex, default: byDefault }: Because): FlowReason {
  return {
    ...(direction !== undefined && { direction }),
    ...(tier !== undefined && { tier }),
    ...(policy !== undefined && { policy }),
    ...(ruleIndex !== undefined && { ruleIndex }),
    ...(byDefault !== undefined && { default: byDefault }),
  };
}

/** As if staged policies were enforced, at each end that the decision came to. */
function stagedOutcome({ steps }: Decision): FlowRecord['staged'] {
  if (steps.every(({ staged }) => staged === undefined)) return undefined;
  const outcomes = steps.map((step): Reason => step.staged ?? step);
  const { verdict, because } = outcomes.find((outcome) => outcome.verdict === 'Deny') ?? outcomes.at(-1)!;
  return { verdict, because: plainReason(because) };
}
