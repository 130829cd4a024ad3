/** Whether one may talk to another, and why. */
import type { Flow } from '@weir/policy';
import { familyOf, type ProtocolPort, parsePort, parseProtocolPort, type Service, targetPortOf, ValidationError } from '@weir/resources';
import { CliError } from '../cli-error.ts';
import { servicePortText } from '../output/columns.ts';
import { type Advice, advise } from './advice.ts';
import { endpointText, type FlowEnd, findBackends, findEnds, serviceText } from './flow-end.ts';
import { type Ends, FlowJudge, type JudgedFlow, type WayStep } from './flow-judge.ts';
import { tunnelAddress } from './host-ends.ts';
import type { PolicyState } from './policy-state.ts';
import { wayBetween } from './way.ts';

export interface TraceRequest {
  /** As the user wrote them. */
  from: string;
  to: string;
  port: ProtocolPort;
  /** Source port; absent, any high one. */
  sourcePort?: number | undefined;
  namespace?: string | undefined;
}

export interface Trace extends JudgedFlow {
  verdict: 'Allow' | 'Deny';
  from: FlowEnd;
  to: FlowEnd;
  flow: Flow;
  /** What would have to change for the opposite verdict at the end that denied; empty where it is allowed. */
  advice: Advice[];
  /** Of all the pairs that the request means. */
  pairs: { all: number; allowed: number };
  /** Of the ends of all those pairs. */
  hosts: string[];
}

/** An ephemeral port, as most flows have one: rules that name source ports are few. */
const USUAL_SOURCE_PORT = 40_000;

/** The flags of the command. @throws CliError EUSAGE */
export function parseTraceRequest(flags: {
  from: string;
  to: string;
  port: string;
  'source-port'?: string | undefined;
  namespace?: string | undefined;
}): TraceRequest {
  const { from, to, namespace, 'source-port': sourcePort } = flags;
  return {
    from,
    to,
    port: ofFlag('--port', flags.port, parseProtocolPort),
    ...(sourcePort !== undefined && { sourcePort: Number(ofFlag('--source-port', sourcePort, parsePort)) }),
    namespace,
  };
}

function ofFlag<T>(name: string, text: string, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    throw new CliError('EUSAGE', `${name}: ${error.issues[0]!.message}`, { cause: error });
  }
}

/** @throws CliError EUSAGE, ENOTFOUND */
export function trace(request: TraceRequest, state: PolicyState, judge = new FlowJudge(state)): Trace {
  const pairs = pairsOf(request, state);
  const [first] = pairs;
  if (first === undefined)
    throw new CliError('EUSAGE', `there is nothing to trace: ${request.from} and ${request.to} have no two addresses of one family`);
  const flow = flowOf(first, request);
  const { explanation, way } = judge.explain(flow, first);
  const allowed = pairs.filter((pair) => judge.allows(flowOf(pair, request), pair)).length;
  const { from, to } = first;
  const advice = explanation.verdict === 'Deny' ? advise({ explanation, flow, from, to, state }) : [];
  return {
    verdict: explanation.verdict,
    from,
    to,
    flow,
    explanation,
    way,
    advice,
    pairs: { all: pairs.length, allowed },
    hosts: hostsOf(pairs),
  };
}

function hostsOf(pairs: readonly Ends[]): string[] {
  const names = pairs.flatMap(({ from, to }) => [from, to].flatMap(({ host, endpoint }) => host ?? endpoint?.spec.host ?? []));
  return [...new Set(names)];
}

/** What the end in a direction decided; undefined if no policy is asked there. */
export function stepOf({ explanation }: Trace, direction: 'Ingress' | 'Egress'): WayStep | undefined {
  return explanation.steps.find((step) => step.direction === direction && step.because.forwarded === undefined);
}

function pairsOf({ from, to, namespace, port }: TraceRequest, state: PolicyState): Ends[] {
  const [sources, destinations] = [findEnds(from, state, namespace), findBackends(to, state, namespace) ?? findEnds(to, state, namespace)];
  const family = port.protocol === 'ICMP' ? 'IPv4' : port.protocol === 'ICMPv6' ? 'IPv6' : undefined;
  const pairs = sources.flatMap((source) =>
    destinations
      .filter(({ address }) => familyOf(address) === familyOf(source.address) && address !== source.address)
      .map((destination) => ({ from: asSpoken(source, destination, state), to: destination })),
  );
  return pairs
    .filter((pair) => family === undefined || familyOf(pair.from.address) === family)
    .sort((left, right) => Number(isIPv6(left)) - Number(isIPv6(right)));
}

/** A host that is named, and not an address of it, speaks through a tunnel under the address that it has for tunnels. */
function asSpoken(from: FlowEnd, to: FlowEnd, state: PolicyState): FlowEnd {
  if (from.host === undefined || from.speaksByWay === undefined || wayBetween(from, to, state).by !== 'vxlan') return from;
  const address = tunnelAddress(from.host, familyOf(from.address), state);
  return address === undefined ? from : { address, host: from.host };
}

const isIPv6 = ({ from }: Ends): boolean => familyOf(from.address) === 'IPv6';

function flowOf({ from, to }: Ends, { port: { protocol, port, icmpType, icmpCode }, sourcePort = USUAL_SOURCE_PORT }: TraceRequest): Flow {
  const ends = { source: from.address, destination: to.address, protocol };
  if (port !== undefined) return { ...ends, sourcePort, destinationPort: portNumber(port, protocol, to) };
  // An echo request, unless it was said otherwise.
  if (protocol === 'ICMP') return { ...ends, icmpType: icmpType ?? 8, icmpCode: icmpCode ?? 0 };
  if (protocol === 'ICMPv6') return { ...ends, icmpType: icmpType ?? 128, icmpCode: icmpCode ?? 0 };
  return ends;
}

function portNumber(port: number | string, protocol: ProtocolPort['protocol'], end: FlowEnd): number {
  if (end.service !== undefined) return targetPort(end.service, port, protocol, end);
  const { endpoint = end.hostEndpoint, address } = end;
  if (typeof port === 'number') return port;
  const ports = endpoint?.spec.ports ?? [];
  const found = ports.find((named) => named.name === port && named.protocol === protocol);
  if (found !== undefined) return found.port;
  const own = ports.map((named) => `${named.name} (${named.protocol} ${named.port})`).join(', ');
  throw new CliError('ENOTFOUND', `${endpoint === undefined ? address : endpointText(endpoint)} has no ${protocol} port ${port}`, {
    details: [own === '' ? 'it has no named ports: give the number' : `it has ${own}`],
  });
}

/** Where a port of a service, by number or name, leads at one of its backends. */
function targetPort(service: Service, port: number | string, protocol: ProtocolPort['protocol'], { endpoint, address }: FlowEnd): number {
  const { ports } = service.spec;
  const found = ports.find((one) => one.protocol === protocol && (one.port === port || one.name === port));
  if (found === undefined)
    throw new CliError('ENOTFOUND', `${serviceText(service)} has no ${protocol} port ${port}`, {
      details: [`it has ${ports.map(servicePortText).join(', ')}`],
    });
  const target = targetPortOf(found, endpoint?.spec.ports ?? []);
  if (target !== undefined) return target;
  throw new CliError(
    'ENOTFOUND',
    `${endpoint === undefined ? address : endpointText(endpoint)} has no ${protocol} port ${found.targetPort}, and ${serviceText(service)} does not lead there`,
  );
}
