import type { Direction, Family, Icmp } from '@weir/resources';
import { complement, type Ranges, union } from '../ranges/range.ts';
import { type Box, ICMP_PLANE, type Plane, POINT_PLANE, PORT_PLANE } from '../ranges/region.ts';
import type { PortCriterion } from './policy-rule.ts';

/** What a rule says of protocol, ports and ICMP, whoever the peer is. */
export interface Traffic {
  readonly protocol?: number;
  readonly notProtocol?: number;
  readonly icmp?: Icmp;
  readonly notICMP?: Icmp;
  /** Ports of the peer; names in it stand for ports that the peer has. */
  readonly peerPorts?: PortCriterion;
  readonly peerNotPorts?: PortCriterion;
  /** Ports of the endpoint itself, by protocol where names are in play. */
  readonly localPorts?: LocalPorts;
  readonly localNotPorts?: LocalPorts;
}

/** Numbers, and those that names came to, each with the protocol it is for. */
export interface LocalPorts {
  readonly ranges: Ranges;
  readonly named: readonly PortNumber[];
}

export interface PortNumber {
  /** Protocol number. */
  readonly protocol: number;
  readonly port: number;
}

/** A packet's ports, or ICMP type and code, in the plane of its protocol. */
export interface Point {
  readonly protocol: number;
  readonly first: number;
  readonly second: number;
}

/** Finds the ports that a name stands for at the peer. */
export type PortsByName = (name: string) => readonly PortNumber[];

/** TCP, UDP, SCTP and UDPLite: their headers begin with source and destination port. */
const PORT_PROTOCOLS: readonly number[] = [6, 17, 132, 136];
const ICMP_PROTOCOL: Readonly<Record<Family, number>> = { IPv4: 1, IPv6: 58 };

/** Stands for all protocols that no rule names; it is no protocol number. */
export const OTHER_PROTOCOL = -1;

export function planeOf(protocol: number, family: Family): Plane {
  if (PORT_PROTOCOLS.includes(protocol)) return PORT_PLANE;
  return protocol === ICMP_PROTOCOL[family] ? ICMP_PLANE : POINT_PLANE;
}

/** The protocols that a rule treats in another way than {@link OTHER_PROTOCOL}. */
export function protocolsOf(traffic: Traffic): readonly number[] {
  const { protocol, notProtocol } = traffic;
  if (protocol !== undefined) return [protocol];
  const named = notProtocol === undefined ? [] : [notProtocol];
  const ports = traffic.peerPorts ?? traffic.peerNotPorts ?? traffic.localPorts ?? traffic.localNotPorts;
  const icmp = traffic.icmp ?? traffic.notICMP;
  return [...named, ...(ports === undefined ? [] : PORT_PROTOCOLS), ...(icmp === undefined ? [] : Object.values(ICMP_PROTOCOL))];
}

/** The part of a protocol's traffic that a rule matches, as boxes that may overlap. */
export function boxesOf(
  traffic: Traffic,
  { protocol, family, direction, portsByName }: { protocol: number; family: Family; direction: Direction; portsByName: PortsByName },
): readonly Box[] {
  if (traffic.protocol !== undefined && traffic.protocol !== protocol) return [];
  if (traffic.notProtocol === protocol) return [];
  const plane = planeOf(protocol, family);
  if (plane !== ICMP_PLANE && traffic.icmp !== undefined) return [];
  if (plane !== PORT_PLANE && (traffic.peerPorts !== undefined || traffic.localPorts !== undefined)) return [];
  if (plane === PORT_PLANE) {
    const peer = matchingPorts(traffic.peerPorts, traffic.peerNotPorts, (name) => numbers(portsByName(name), protocol));
    const local = matchingLocalPorts(traffic, protocol);
    return [direction === 'Ingress' ? { first: peer, second: local } : { first: local, second: peer }];
  }
  return plane === ICMP_PLANE ? icmpBoxes(traffic) : [{ first: [plane.first], second: [plane.second] }];
}

function icmpBoxes({ icmp, notICMP }: Traffic): Box[] {
  const types: Ranges = icmp === undefined ? [ICMP_PLANE.first] : [[icmp.type, icmp.type]];
  const codes: Ranges = icmp?.code === undefined ? [ICMP_PLANE.second] : [[icmp.code, icmp.code]];
  if (notICMP === undefined) return [{ first: types, second: codes }];
  const isOther = ([first, last]: readonly [number, number]) => first !== notICMP.type || last !== notICMP.type;
  const otherTypes = icmp === undefined ? complement([[notICMP.type, notICMP.type]], ICMP_PLANE.first) : types.filter(isOther);
  const boxes: Box[] = [{ first: otherTypes, second: codes }];
  if (notICMP.code !== undefined && (icmp === undefined || icmp.type === notICMP.type)) {
    const otherCodes = codes.flatMap((range) => complement([[notICMP.code!, notICMP.code!]], range));
    boxes.push({ first: [[notICMP.type, notICMP.type]], second: otherCodes });
  }
  return boxes;
}

function matchingLocalPorts({ localPorts, localNotPorts }: Traffic, protocol: number): Ranges {
  const all = ({ ranges, named }: LocalPorts) => union([...ranges, ...numbers(named, protocol)]);
  return allowedPorts(localPorts && all(localPorts), localNotPorts && all(localNotPorts));
}

function matchingPorts(ports: PortCriterion | undefined, notPorts: PortCriterion | undefined, lookUp: (name: string) => Ranges): Ranges {
  const all = ({ ranges, names }: PortCriterion) => union([...ranges, ...names.flatMap(lookUp)]);
  return allowedPorts(ports && all(ports), notPorts && all(notPorts));
}

function allowedPorts(only: Ranges | undefined, except: Ranges | undefined): Ranges {
  const ranges = only ?? [PORT_PLANE.second];
  return except === undefined ? ranges : ranges.flatMap((range) => clip(except, range));
}

/** What of a range is in none of the exceptions, some of which may lie outside of it. */
function clip(except: Ranges, [first, last]: readonly [number, number]): Ranges {
  const inside = except.filter((range) => range[1] >= first && range[0] <= last);
  return complement(
    inside.map(([from, to]) => [Math.max(from, first), Math.min(to, last)]),
    [first, last],
  );
}

function numbers(ports: readonly PortNumber[], protocol: number): Ranges {
  return ports.filter((port) => port.protocol === protocol).map(({ port }) => [port, port]);
}
