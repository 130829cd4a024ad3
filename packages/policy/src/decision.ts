import {
  type Direction,
  type Family,
  familyOf,
  type Host,
  hasPorts,
  isIcmp,
  type Protocol,
  parseAddress,
  parseProtocol,
  protocolNumber,
  ValidationError,
} from '@weir/resources';
import type { LocalEndpoint } from './enforcement.ts';
import type { PeerTable } from './peer-table.ts';
import { PolicyError } from './policy-error.ts';
import type { PolicyName } from './policy-rule.ts';
import type { Program } from './program.ts';

/** The packet that opens a flow. */
export interface Flow {
  /** IP addresses, both of one family. */
  source: string;
  destination: string;
  /** Name or number. */
  protocol: Protocol;
  /** Of protocols that have ports; absent, 0. */
  sourcePort?: number;
  destinationPort?: number;
  /** Of ICMP and ICMPv6; absent, 0. */
  icmpType?: number;
  icmpCode?: number;
}

export interface Decision {
  verdict: 'Allow' | 'Deny';
  /** Of the step that denied, else of the last. */
  because: Because;
  /** One for each end of the flow that is an endpoint of this host: egress of the source, then ingress of the destination. */
  steps: Step[];
}

export interface Step {
  verdict: 'Allow' | 'Deny';
  because: Because;
}

/** Either a rule or a default decided, or both for a `Pass` rule. */
export interface Because {
  /** Absent if no end of the flow is an endpoint of this host. */
  direction?: Direction;
  endpoint?: { namespace: string; name: string };
  policy?: PolicyName;
  /** Position among the policy's rules of that direction, from 0. */
  ruleIndex?: number;
  default?: Default;
}

/**
 * - `no rule matched`: policies apply, and none of their rules decided: denied.
 * - `default action`: no policy applies, or a `Pass` rule left the policies: what network and namespace say.
 * - `Mesos agent port`, `health checks`: traffic of Mesos' own with this host, which is allowed beside all policy.
 * - `no local endpoint`: nothing that this host decides.
 */
export type Default = 'no rule matched' | 'default action' | 'Mesos agent port' | 'health checks' | 'no local endpoint';

export interface Judges {
  enforcedAt(address: string, direction: Direction): { program: Program; table: PeerTable; endpoint: LocalEndpoint } | undefined;
  host: Host | undefined;
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

interface ParsedFlow {
  source: string;
  destination: string;
  family: Family;
  protocol: number;
  /** Source port or ICMP type. */
  first: number;
  /** Destination port or ICMP code. */
  second: number;
}

function judgeStep(flow: ParsedFlow, direction: Direction, { enforcedAt, host }: Judges): Step | undefined {
  const [local, peer] = direction === 'Ingress' ? [flow.destination, flow.source] : [flow.source, flow.destination];
  const found = enforcedAt(local, direction);
  if (found === undefined) return undefined;
  const { program, table, endpoint } = found;
  const { name, namespace } = endpoint.object.metadata;
  const at = { direction, endpoint: { namespace: namespace!, name } };
  const exemption = host && exemptionFor(flow, direction, peer, host);
  if (exemption !== undefined) return { verdict: 'Allow', because: { ...at, default: exemption } };
  const index = table.decidingRule(peer, flow);
  if (index === undefined) {
    return { verdict: program.rest, because: { ...at, default: program.governed ? 'no rule matched' : 'default action' } };
  }
  const { policy, index: ruleIndex, isPass } = program.origins[index]!;
  const verdict = program.rules[index]!.action === 'Allow' ? 'Allow' : 'Deny';
  return { verdict, because: { ...at, policy, ruleIndex, ...(isPass && { default: 'default action' as const }) } };
}

/** What the base chains allow beside all policy, between this host itself and its endpoints. */
function exemptionFor({ protocol, second }: ParsedFlow, direction: Direction, peer: string, { spec }: Host): Default | undefined {
  if (!spec.addresses.includes(peer)) return undefined;
  if (direction === 'Ingress') return spec.mesosTraffic.healthChecks === 'Always' ? 'health checks' : undefined;
  return protocol === protocolNumber('TCP') && spec.mesosTraffic.agentPorts.includes(second) ? 'Mesos agent port' : undefined;
}

function parseFlow(flow: Flow): ParsedFlow {
  try {
    const source = parseAddress(flow.source);
    const destination = parseAddress(flow.destination);
    const protocol = parseProtocol(flow.protocol);
    if (familyOf(source) !== familyOf(destination)) {
      throw new PolicyError('EFLOW', `source ${source} and destination ${destination} are of two address families: no packet has both`);
    }
    const ports = hasPorts(protocol) ? [flow.sourcePort, flow.destinationPort] : isIcmp(protocol) ? [flow.icmpType, flow.icmpCode] : [];
    const limit = hasPorts(protocol) ? 65535 : 255;
    const [first, second] = [ports[0] ?? 0, ports[1] ?? 0];
    for (const number of [first, second]) {
      if (!Number.isInteger(number) || number < 0 || number > limit) {
        throw new PolicyError('EFLOW', `${number} is no port, ICMP type or code of ${protocol}: expected a number from 0 to ${limit}`);
      }
    }
    const family = familyOf(source);
    return { source, destination, family, ...pointOf(protocol, family, first, second) };
  } catch (error) {
    if (error instanceof ValidationError) throw new PolicyError('EFLOW', `no flow: ${error.message}`);
    throw error;
  }
}

/** ICMP of the other family has no types and codes there, only a number. */
function pointOf(protocol: Protocol, family: Family, first: number, second: number): Pick<ParsedFlow, 'protocol' | 'first' | 'second'> {
  const isForeign = isIcmp(protocol) && (protocol === 'ICMP') !== (family === 'IPv4');
  return { protocol: protocolNumber(protocol), first: isForeign ? 0 : first, second: isForeign ? 0 : second };
}
