/** A trace, for people. */
import type { Because, TriedRule, VisitedPolicy } from '@weir/policy';
import { ruleText } from '../output/rule-text.ts';
import { flowText, mismatchText, policyText, ruleOf } from './advice.ts';
import { endpointText, endText, type FlowEnd } from './flow-end.ts';
import type { WayStep } from './flow-judge.ts';
import type { PolicyState } from './policy-state.ts';
import { remoteText } from './remote-ends.ts';
import { stepOf, type Trace, type TraceRequest } from './trace.ts';
import { wayText } from './way.ts';

export function formatTrace(trace: Trace, request: TraceRequest, state: PolicyState): string {
  const { verdict, from, to, flow, explanation, way, advice, pairs } = trace;
  const lines = [
    `${endText(from, request.from)} to ${endText(to, request.to)}, ${flowText(flow)}`,
    `${verdict === 'Allow' ? 'Allowed' : 'Denied'}: ${decisionText(trace)}`,
    ...(pairs.all > 1 ? [`This is one of ${pairs.all} pairs; ${pairsText(pairs)}.`] : []),
    '',
    ...endLines(trace, 'Egress', state),
    ...forwardedLines(trace, 'Egress', state),
    `Way: ${wayText(way)}`,
    ...(explanation.privatePool === undefined
      ? []
      : [`  the pool ${explanation.privatePool} is private: nobody outside of the cluster reaches it`]),
    ...forwardedLines(trace, 'Ingress', state),
    ...endLines(trace, 'Ingress', state),
  ];
  if (advice.length > 0) lines.push('', 'To allow it:', ...advice.map(({ text }) => `  ${text}`));
  return lines.map((line) => `${line}\n`).join('');
}

/** What made the verdict, in one sentence. */
export function decisionText({ explanation: { privatePool, because } }: Pick<Trace, 'explanation'>): string {
  if (privatePool !== undefined) return `the pool ${privatePool} is private`;
  return because.direction === undefined ? 'no end is an endpoint' : becauseText(because);
}

function pairsText({ all, allowed }: { all: number; allowed: number }): string {
  if (allowed === all) return 'all are allowed';
  return allowed === 0 ? 'all are denied' : `${allowed} ${allowed === 1 ? 'is' : 'are'} allowed`;
}

function becauseText({ direction, endpoint, forwarded, tier, policy, ruleIndex, default: preset, passedBy = [] }: Because): string {
  const passes = passedBy
    .map((rule) => `; passed on by ${direction?.toLowerCase()}[${rule.ruleIndex}] of ${policyText(rule.policy)}`)
    .join('');
  if (policy !== undefined && ruleIndex !== undefined)
    return `${direction?.toLowerCase()}[${ruleIndex}] of ${policyText(policy)}, tier ${tier}${passes}`;
  switch (preset) {
    case 'no rule matched':
      return `no ${direction?.toLowerCase()} rule of tier ${tier} matches${passes}`;
    case 'default action':
      if (forwarded) return `no policy decides on what ${direction === 'Ingress' ? 'comes' : 'leaves'} through the host${passes}`;
      if (endpoint !== undefined && endpoint.namespace === undefined)
        return `no policy decides on ${direction?.toLowerCase()}: the defaultAction of ${endpointText({ metadata: endpoint })}${passes}`;
      return `no policy decides on ${direction?.toLowerCase()}: the default of namespace and network${passes}`;
    case 'invalid policy':
      return `${policyText(policy!)} is not valid, which closes ${policy!.kind === 'HostEndpoint' ? 'it' : 'its endpoints'}`;
    case 'unreadable network set':
      return `${policyText(policy!)} forbids by a network set that cannot be read, which closes its endpoints`;
    case 'unreadable service':
      return `${policyText(policy!)} forbids by a Service that cannot be read, which closes its endpoints`;
    case 'unknown tier':
      return `${policyText(policy!)} is of tier ${tier}, which is not there: that closes its endpoints`;
    case 'labels not known':
      return 'it is closed until the labels of its task are known';
    case 'Mesos agent port':
      return "containers always reach the Mesos agent's ports of their host";
    case 'health checks':
      return 'a host always reaches its own containers (mesosTraffic.healthChecks)';
    case 'DNS of its host':
      return 'containers always reach the DNS server of their host (dns.queries)';
    case 'failsafe port':
      return 'a failsafe port of its host, which no policy closes (failsafePorts)';
    case 'tunnel port':
      return "the port of the tunnels between hosts, which stays open whatever failsafePorts say; what comes through Weir's tunnels comes from its hosts alone";
    case 'own traffic':
      return 'traffic of a host with itself and its own containers: its host endpoints are not asked';
    default:
      return String(preset);
  }
}

function endLines(trace: Trace, direction: 'Ingress' | 'Egress', state: PolicyState): string[] {
  const end = direction === 'Egress' ? trace.from : trace.to;
  const step = stepOf(trace, direction);
  if (step === undefined) return [`${direction} of ${notAsked(end, trace)}`];
  const host = step.host === undefined ? '' : `host ${step.host} at `;
  return stepLines(`${direction} of ${host}${endOf(step, end)}`, step, trace, state);
}

function notAsked({ address, host, remote }: FlowEnd, { way }: Trace): string {
  if (remote !== undefined)
    return `${remoteText(remote)}: policy of cluster ${remote.spec.cluster} is asked there, and is not known here: ask the weir of that cluster`;
  if (host === undefined) return `${address}: not of an endpoint, so no policy is asked`;
  if (way.by === 'local') return `host ${host}: its traffic with its own containers is not asked about there`;
  return `host ${host}: open, since no HostEndpoint of it is on the way`;
}

/** Of hosts that the flow passes through. */
function forwardedLines(trace: Trace, direction: 'Ingress' | 'Egress', state: PolicyState): string[] {
  return trace.explanation.steps
    .filter((step) => step.direction === direction && step.because.forwarded === true)
    .flatMap((step) => {
      const how = direction === 'Egress' ? 'Out of' : 'Into';
      return stepLines(`${how} host ${step.host} at ${endpointText({ metadata: step.because.endpoint! })}`, step, trace, state);
    });
}

function stepLines(what: string, step: WayStep, trace: Trace, state: PolicyState): string[] {
  const { direction, source } = step;
  const seen = source === undefined ? trace : { ...trace, from: source, flow: { ...trace.flow, source: source.address } };
  return [
    `${what}: ${step.verdict === 'Allow' ? 'allowed' : 'denied'}: ${becauseText(step.because)}`,
    ...step.tiers.flatMap(({ tier, defaultAction, policies }) => [
      `  tier ${tier}${defaultAction === undefined ? ', which is not there' : ` (then ${defaultAction})`}`,
      ...policies.flatMap((policy) => policyLines(policy, direction, seen, state)),
    ]),
    ...(step.staged === undefined || step.staged.verdict === step.verdict
      ? []
      : [
          `  with its staged policies it would be ${step.staged.verdict === 'Allow' ? 'allowed' : 'denied'}: ${becauseText(step.staged.because)}`,
        ]),
  ];
}

function endOf({ because }: WayStep, { endpoint, address }: FlowEnd): string {
  if (because.endpoint !== undefined) return endpointText({ metadata: because.endpoint });
  return endpoint === undefined ? address : endpointText(endpoint);
}

function policyLines(visited: VisitedPolicy, direction: 'Ingress' | 'Egress', trace: Trace, state: PolicyState): string[] {
  const { policy, staged, invalid, rules } = visited;
  const remark = invalid ? ' (not valid)' : staged ? ' (staged: not in force)' : '';
  const none = rules.length === 0 && !invalid ? `: no ${direction.toLowerCase()} rule` : '';
  return [
    `    ${policyText(policy)}${remark}${none}`,
    ...rules.flatMap((rule) => {
      const found = ruleOf(visited, rule.index, direction, state);
      const text = found === undefined ? rule.action : ruleText(found, policy.namespace);
      return [
        `      ${direction.toLowerCase()}[${rule.index}] ${text}: ${ruleOutcome(rule)}`,
        ...rule.mismatches.map((criterion) => `        ${mismatchText(criterion, found, trace)}`),
      ];
    }),
  ];
}

function ruleOutcome({ action, mismatches, isReached }: TriedRule): string {
  if (mismatches.length > 0) return isReached ? 'does not match' : 'does not match; not reached';
  if (!isReached) return 'would match; not reached';
  return action === 'Log' ? 'matches, and goes on' : action === 'Pass' ? 'matches: on to the next tier' : 'matches';
}
