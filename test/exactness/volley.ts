/** The packets that are sent at once: half of them by chance, half such as some rule is about, which few would be by chance. */
import { anyHeader, type MetRule, type Packet, ruleMatches, selects } from '@weir/policy/test-support';
import {
  type AnyObject,
  type Direction,
  type Endpoint,
  familyOf,
  type HostEndpoint,
  hasPorts,
  isIcmp,
  type Port,
  portRange,
  protocolNumber,
  type Rule,
} from '@weir/resources';
import fc from 'fast-check';
import type { Place, Shot } from './exact-host.ts';

const PACKETS_PER_VOLLEY = 40;

/** Ports of the Mesos agent, and failsafe ones, where nothing else is said of them. */
const anyExempt = fc
  .constantFrom([6, 5051], [6, 22], [6, 2379], [17, 68], [17, 53])
  .map(([protocol, destinationPort]) => ({ protocol: protocol!, sourcePort: 40_000, destinationPort: destinationPort! }));

const anyDraw = fc.record({
  from: fc.nat(),
  source: fc.nat(),
  to: fc.nat(),
  destination: fc.nat(),
  header: fc.oneof({ weight: 9, arbitrary: anyHeader }, { weight: 1, arbitrary: anyExempt }),
  /** Which rule is meant; none: undefined. */
  aim: fc.option(fc.nat(), { nil: undefined }),
});
type Draw = typeof anyDraw extends fc.Arbitrary<infer T> ? T : never;

/** More than are sent: some are between no two places, or not the first of a flow. */
export const anyVolley = fc.array(
  fc.oneof(
    anyDraw.map((draw) => ({ ...draw, aim: undefined })),
    anyDraw,
  ),
  {
    minLength: PACKETS_PER_VOLLEY * 4,
    maxLength: PACKETS_PER_VOLLEY * 4,
  },
);

/**
 * Different flows, no two of which are the two directions of one.
 *
 * @param rarity of a rule: those of the rarest third are aimed at
 */
export function shots(
  places: readonly Place[],
  volley: readonly Draw[],
  objects: readonly AnyObject[],
  rarity: (rule: MetRule) => number = () => 0,
): Shot[] {
  const all = targetsIn(objects, places).map((target) => ({ target, rank: rarity(target) }));
  const targets = all.sort((left, right) => left.rank - right.rank).slice(0, Math.ceil(all.length / 3));
  const chosen: Shot[] = [];
  const taken = new Set<string>();
  for (const draw of volley) {
    const { aim } = draw;
    const shot =
      aim === undefined || targets.length === 0
        ? shotOf(draw, places)
        : aimedShot(draw, places, targets[aim % targets.length]!.target, objects);
    if (shot === undefined || !isFlow(shot.packet) || taken.has(flowKey(shot.packet))) continue;
    taken.add(flowKey(shot.packet));
    chosen.push(shot);
    if (chosen.length === PACKETS_PER_VOLLEY) break;
  }
  return chosen;
}

function shotOf(draw: Draw, places: readonly Place[]): Shot | undefined {
  const [from, to] = [places[draw.from % places.length]!, places[draw.to % places.length]!];
  const source = from.addresses[draw.source % from.addresses.length]!;
  const destinations = to.addresses.filter((address) => familyOf(address) === familyOf(source));
  // What comes from the world outside and goes there is policy's, too; only not from a place to itself.
  if (from === to || destinations.length === 0) return undefined;
  const packet = { ...draw.header, source, destination: destinations[draw.destination % destinations.length]! };
  return { packet, from, to };
}

/** A rule of a policy, and a place under it. */
interface Target extends MetRule {
  direction: Direction;
  endpoint: Endpoint | HostEndpoint;
  place: Place;
}

function targetsIn(objects: readonly AnyObject[], places: readonly Place[]): Target[] {
  const placed = objects.flatMap((object) => {
    if (object.kind !== 'Endpoint' && object.kind !== 'HostEndpoint') return [];
    const place =
      object.kind === 'Endpoint'
        ? places.find(({ link }) => link === object.spec.hostInterface)
        : places.find(({ kind }) => kind === 'host');
    return place === undefined ? [] : [{ endpoint: object, place }];
  });
  return objects.flatMap((policy) => {
    if (policy.kind !== 'Policy' && policy.kind !== 'GlobalPolicy') return [];
    const own = placed.filter(({ endpoint }) => selects(objects, policy, endpoint));
    const of = (direction: Direction, rules: readonly Rule[]) =>
      rules.flatMap((rule) => own.map((under) => ({ policy, rule, direction, ...under })));
    return [...of('Ingress', policy.spec.ingress), ...of('Egress', policy.spec.egress)];
  });
}

/** How often a packet is tried that the rule takes. */
const TRIES = 12;

function aimedShot(draw: Draw, places: readonly Place[], target: Target, objects: readonly AnyObject[]): Shot | undefined {
  const { policy, rule, direction, endpoint, place } = target;
  const local = places.indexOf(place);
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const varied = {
      ...draw,
      source: draw.source + attempt,
      destination: draw.destination + attempt,
      header: aimedAt(rule, draw.header, attempt),
    };
    const peer = (direction === 'Ingress' ? draw.from : draw.to) + attempt;
    const shot = shotOf(direction === 'Ingress' ? { ...varied, from: peer, to: local } : { ...varied, from: local, to: peer }, places);
    if (shot !== undefined && isFlow(shot.packet) && ruleMatches(objects, policy, rule, endpoint, direction, shot.packet)) return shot;
  }
  return undefined;
}

type Header = Omit<Packet, 'source' | 'destination'>;

/** The header with the protocol, ports and message that a rule names, as far as it names any. */
function aimedAt({ protocol, icmp, source = {}, destination = {} }: Rule, drawn: Header, attempt: number): Header {
  if (destination.services !== undefined) {
    // The service says which protocol and port, and what port its backend has.
    return { protocol: [6, 17, 132][attempt % 3]!, sourcePort: 40_000, destinationPort: attempt % 2 === 0 ? 80 : 8080 };
  }
  if (protocol === undefined) return drawn;
  const number = protocolNumber(protocol);
  if (isIcmp(protocol)) {
    const [question] = QUESTIONS[number]!;
    return { protocol: number, icmpType: icmp?.type ?? question!, icmpCode: icmp?.code ?? drawn.icmpCode ?? 0 };
  }
  if (!hasPorts(protocol)) return { protocol: number };
  const { sourcePort = 40_000, destinationPort = 80 } = drawn;
  return {
    protocol: number,
    sourcePort: portOf(source.ports) ?? sourcePort,
    destinationPort: portOf(destination.ports) ?? destinationPort,
  };
}

/** By what number endpoints may have a port of that name. */
const NUMBERS: Readonly<Record<string, number>> = { http: 80, dns: 53 };

function portOf(ports: readonly Port[] | undefined): number | undefined {
  const port = ports?.at(-1);
  return port === undefined ? undefined : (portRange(port)?.first ?? NUMBERS[port]);
}

function flowKey({ source, destination, protocol, sourcePort = 0, destinationPort = 0, icmpType = 0, icmpCode = 0 }: Packet): string {
  const ends = [`${source} ${sourcePort}`, `${destination} ${destinationPort}`].sort();
  return [protocol, ...ends, icmpType, icmpCode].join(' ');
}

/** ICMP messages that begin a flow to conntrack: echo and timestamp requests; of IPv6, echo requests and queries of nodes. */
const QUESTIONS: Readonly<Record<number, readonly number[]>> = { 1: [8, 13], 58: [128, 139] };

/** Other ICMP messages, ICMP of the other family, and packets of port 0 begin none: they are dropped as invalid. */
function isFlow({ source, protocol, icmpType, sourcePort, destinationPort }: Packet): boolean {
  if (icmpType === undefined) return sourcePort !== 0 && destinationPort !== 0;
  return protocol === (familyOf(source) === 'IPv4' ? 1 : 58) && QUESTIONS[protocol]!.includes(icmpType);
}
