import { cidrContains, type Direction, type Host, protocolNumber } from '@weir/resources';
import type { Enforced } from '../endpoint/enforced.ts';
import type { LocalEndpoint } from '../endpoint/local-endpoint.ts';
import type { Membership } from '../membership/membership.ts';
import { failsafeNumbers, tunnelNumbers } from '../program/failsafe.ts';
import { type Flow, type ParsedFlow, parseFlow } from '../program/flow.ts';
import type { PolicyName } from '../program/policy-rule.ts';
import type { PolicyDefault, Program } from '../program/program.ts';
import type { PortNumber } from '../program/traffic.ts';
import { type AllowedTraffic, allowedAt, trafficTo, uniteTraffic } from '../program/traffic-class.ts';
import { type Evaluation, evaluate } from './evaluation.ts';

export interface Decision {
  verdict: 'Allow' | 'Deny';
  /** Of the step that denied, else of the last. */
  because: Because;
  /** One for each end of the flow that is an endpoint of this host: egress of the source, then ingress of the destination. */
  steps: Step[];
}

export interface Step extends Reason {
  /** What it would be if staged policies were enforced; absent if none selects the endpoint in that direction. */
  staged?: Reason;
}

export interface Reason {
  verdict: 'Allow' | 'Deny';
  because: Because;
}

/** Either a rule or a default decided. */
export interface Because {
  /** Absent if no end of the flow is an endpoint of this host. */
  direction?: Direction;
  /** In no namespace: a HostEndpoint. */
  endpoint?: { namespace?: string; name: string };
  /** The host endpoint was asked about what passes through its host. */
  forwarded?: true;
  /** Absent where no tier decided. */
  tier?: string;
  policy?: PolicyName;
  /** Position among the policy's rules of that direction, from 0. */
  ruleIndex?: number;
  default?: Default;
  /** The `Pass` rules that sent the flow on to the next tier, in order. */
  passedBy?: RuleName[];
}

export interface RuleName {
  tier: string;
  policy: PolicyName;
  ruleIndex: number;
}

/**
 * - `Mesos agent port`, `health checks`: traffic of Mesos' own with this host, which is allowed beside all policy.
 * - `DNS of its host`: what a container asks there, which is allowed beside all policy.
 * - `failsafe port`: of this host, or of another that it reaches, which no policy closes.
 * - `tunnel port`: of the tunnels between hosts, which failsafe ports that leave it out do not close either.
 * - `own traffic`: of a host with itself and with its own containers, which host endpoints are not asked about.
 * - `no local endpoint`: nothing that this host decides.
 */
export type Default =
  | PolicyDefault
  | 'Mesos agent port'
  | 'health checks'
  | 'DNS of its host'
  | 'failsafe port'
  | 'tunnel port'
  | 'own traffic'
  | 'no local endpoint';

export interface Judges {
  enforcedAt(address: string, direction: Direction): Enforced | undefined;
  hostEnforced(name: string, direction: Direction, address: string, options: { forwarded: boolean }): Enforced | undefined;
  stagedProgram(endpoint: LocalEndpoint, address: string, direction: Direction, options?: { forwarded: boolean }): Program | undefined;
  /** Whether the address is of an endpoint of that host, itself or a container, which is judged here. */
  isOnHost(address: string, host: string): boolean;
  membership: Membership;
  /** By name, those whose endpoints are judged. */
  hosts: ReadonlyMap<string, Host>;
}

/** Judges a flow by the programs of its ends. */
export function judge(flow: Flow, judges: Judges): Decision {
  const parsed = parseFlow(flow);
  const steps: Step[] = [];
  for (const direction of ['Egress', 'Ingress'] as const) {
    const step = judgeStep(parsed, direction, judges);
    if (step !== undefined) steps.push(step);
    if (step?.verdict === 'Deny') break;
  }
  return { ...(steps.at(-1) ?? { verdict: 'Allow', because: { default: 'no local endpoint' } }), steps };
}

/** The verdict of {@link judge} without its reasons: by lookup in what the table is made of, at the same cost for any number of rules. */
export function permits(flow: Flow, judges: Judges): boolean {
  const parsed = parseFlow(flow);
  return permitsStep(parsed, 'Egress', judges) && permitsStep(parsed, 'Ingress', judges);
}

function permitsStep(flow: ParsedFlow, direction: Direction, judges: Judges): boolean {
  const { local, peer } = endsOf(flow, direction);
  const found = judges.enforcedAt(local, direction);
  if (found === undefined) return true;
  if (exemptionOf(found, flow, direction, judges) !== undefined) return true;
  return allowedAt(found.table.classAt(peer), flow);
}

export function endsOf({ source, destination }: ParsedFlow, direction: Direction): { local: string; peer: string } {
  return direction === 'Ingress' ? { local: destination, peer: source } : { local: source, peer: destination };
}

/** Undefined where no endpoint that is judged here has the address. */
export function judgeStep(flow: ParsedFlow, direction: Direction, judges: Judges): Step | undefined {
  const { local, peer } = endsOf(flow, direction);
  const found = judges.enforcedAt(local, direction);
  if (found === undefined) return undefined;
  const { name, namespace } = found.endpoint.object.metadata;
  const at = { direction, endpoint: { ...(namespace !== undefined && { namespace }), name } };
  const exemption = exemptionOf(found, flow, direction, judges);
  if (exemption !== undefined) return { verdict: 'Allow', because: { ...at, default: exemption } };
  const reason = (program: Program) => reasonOf(evaluate(program, peer, flow, judges.membership), at);
  const staged = judges.stagedProgram(found.endpoint, local, direction);
  return { ...reason(found.program), ...(staged !== undefined && { staged: reason(staged) }) };
}

/** Where a flow passes a host endpoint: that of the host which begins or ends it, or of one that it only passes through. */
export interface AtHost {
  /** Name of the HostEndpoint. */
  hostEndpoint: string;
  /** `Egress`: the flow leaves by its interface. */
  direction: Direction;
  forwarded: boolean;
}

/** What a host endpoint says of a flow; undefined if it is not judged here, or another has its interface. */
export function judgeAtHost(flow: ParsedFlow, { hostEndpoint, direction, forwarded }: AtHost, judges: Judges): Step | undefined {
  const { local, peer } = endsOf(flow, direction);
  const found = judges.hostEnforced(hostEndpoint, direction, local, { forwarded });
  if (found === undefined) return undefined;
  const at = { direction, endpoint: { name: hostEndpoint }, ...(forwarded && { forwarded: true as const }) };
  const exemption = forwarded ? undefined : exemptionOf(found, flow, direction, judges);
  if (exemption !== undefined) return { verdict: 'Allow', because: { ...at, default: exemption } };
  const reason = (program: Program) => reasonOf(evaluate(program, peer, flow, judges.membership), at);
  const staged = judges.stagedProgram(found.endpoint, local, direction, { forwarded });
  return { ...reason(found.program), ...(staged !== undefined && { staged: reason(staged) }) };
}

/** The verdict of {@link judgeAtHost} without its reasons; who is not judged allows. */
export function permitsAtHost(flow: ParsedFlow, { hostEndpoint, direction, forwarded }: AtHost, judges: Judges): boolean {
  const { local, peer } = endsOf(flow, direction);
  const found = judges.hostEnforced(hostEndpoint, direction, local, { forwarded });
  if (found === undefined || (!forwarded && exemptionOf(found, flow, direction, judges) !== undefined)) return true;
  return allowedAt(found.table.classAt(peer), flow);
}

/** Everything that a host endpoint lets a peer send, or send to it; undefined if it is not judged here. */
export function trafficAtHost(
  { hostEndpoint, direction, forwarded }: AtHost,
  { local, peer }: { local: string; peer: string },
  judges: Judges,
): AllowedTraffic | undefined {
  const found = judges.hostEnforced(hostEndpoint, direction, local, { forwarded });
  if (found === undefined) return undefined;
  const { allowed } = found.table.classAt(peer);
  if (forwarded) return allowed;
  const host = judges.hosts.get(found.endpoint.object.spec.host);
  const open = [...failsafeNumbers(host?.spec ?? {}, direction), ...tunnelNumbers(host?.spec ?? {})];
  return uniteTraffic(allowed, trafficTo(open, allowed.family));
}

function reasonOf({ verdict, origin, passedBy }: Evaluation, at: Pick<Because, 'direction' | 'endpoint' | 'forwarded'>): Reason {
  const { index, ...where } = origin;
  const passes = passedBy.map(({ tier, policy, index: ruleIndex }) => ({ tier: tier!, policy: policy!, ruleIndex: ruleIndex! }));
  const because = { ...at, ...where, ...(index !== undefined && { ruleIndex: index }), ...(passes.length > 0 && { passedBy: passes }) };
  return { verdict, because };
}

/** Where a flow begins that a process of this host opened to a host port of `localhost`. */
const LOOPBACK = '127.0.0.0/8';

function exemptionOf({ endpoint: { object } }: Enforced, flow: ParsedFlow, direction: Direction, judges: Judges): Default | undefined {
  const { peer } = endsOf(flow, direction);
  const host = judges.hosts.get(object.spec.host);
  if (object.kind === 'HostEndpoint') return hostExemption(flow, direction, { host, isOwn: judges.isOnHost(peer, object.spec.host) });
  // Its interface is in no map, so that nothing gets as far.
  if (object.spec.waitsForLabels) return undefined;
  return host && exemptionFor(flow, direction, peer, host);
}

/** What the base chains allow beside the policies of a host endpoint. */
function hostExemption(
  flow: ParsedFlow,
  direction: Direction,
  { host, isOwn }: { host: Host | undefined; isOwn: boolean },
): Default | undefined {
  const { peer } = endsOf(flow, direction);
  const isItself = host?.spec.addresses.includes(peer) || cidrContains(LOOPBACK, peer) || peer === '::1';
  if (isItself || isOwn) return 'own traffic';
  const isFor = (ports: readonly PortNumber[]) => ports.some(({ protocol, port }) => protocol === flow.protocol && port === flow.second);
  if (isFor(failsafeNumbers(host?.spec ?? {}, direction))) return 'failsafe port';
  return isFor(tunnelNumbers(host?.spec ?? {})) ? 'tunnel port' : undefined;
}

const DNS = 53;
const DNS_PROTOCOLS = [protocolNumber('TCP'), protocolNumber('UDP')];

/** What the base chains allow beside all policy, between this host itself and its endpoints. */
function exemptionFor({ protocol, second }: ParsedFlow, direction: Direction, peer: string, { spec }: Host): Default | undefined {
  if (direction === 'Egress' && second === DNS && spec.dns?.queries === 'Always' && spec.dns.addresses.includes(peer)) {
    return DNS_PROTOCOLS.includes(protocol) ? 'DNS of its host' : undefined;
  }
  if (!spec.addresses.includes(peer) && !cidrContains(LOOPBACK, peer)) return undefined;
  if (direction === 'Ingress') return spec.mesosTraffic.healthChecks === 'Always' ? 'health checks' : undefined;
  return protocol === protocolNumber('TCP') && spec.mesosTraffic.agentPorts.includes(second) ? 'Mesos agent port' : undefined;
}
