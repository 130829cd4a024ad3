import { familyOf, hasPorts, isIcmp, type Protocol, parseAddress, parseProtocol, protocolNumber, ValidationError } from '@weir/resources';
import { PolicyError } from '../policy-error.ts';
import { isCanonicalAddress } from '../ranges/canonical-address.ts';
import type { Point } from './traffic.ts';

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

/** Addresses in canonical text, and where the packet is in the plane of its protocol. */
export interface ParsedFlow extends Point {
  readonly source: string;
  readonly destination: string;
}

/** @throws PolicyError EFLOW */
export function parseFlow(flow: Flow): ParsedFlow {
  try {
    const source = canonicalAddress(flow.source);
    const destination = canonicalAddress(flow.destination);
    const family = familyOf(source);
    if (family !== familyOf(destination)) {
      throw new PolicyError('EFLOW', `source ${source} and destination ${destination} are of two address families: no packet has both`);
    }
    const protocol = BY_NUMBER.get(flow.protocol) ?? parseProtocol(flow.protocol);
    const number = protocolNumber(protocol);
    if (hasPorts(protocol)) {
      const first = checked(flow.sourcePort, 65535, protocol);
      return { source, destination, protocol: number, first, second: checked(flow.destinationPort, 65535, protocol) };
    }
    if (!isIcmp(protocol)) return { source, destination, protocol: number, first: 0, second: 0 };
    const first = checked(flow.icmpType, 255, protocol);
    const second = checked(flow.icmpCode, 255, protocol);
    // ICMP of the other family has no types and codes there, only a number.
    const isForeign = (protocol === 'ICMP') !== (family === 'IPv4');
    return { source, destination, protocol: number, first: isForeign ? 0 : first, second: isForeign ? 0 : second };
  } catch (error) {
    if (error instanceof ValidationError) throw new PolicyError('EFLOW', `no flow: ${error.message}`);
    throw error;
  }
}

/** What `parseProtocol` makes of the numbers that there are. */
const BY_NUMBER: ReadonlyMap<Protocol, Protocol> = new Map(
  Array.from({ length: 255 }, (_, index) => [index + 1, parseProtocol(index + 1)]),
);

function canonicalAddress(text: string): string {
  return typeof text === 'string' && isCanonicalAddress(text) ? text : parseAddress(text);
}

function checked(number = 0, limit: number, protocol: Protocol): number {
  if (Number.isInteger(number) && number >= 0 && number <= limit) return number;
  throw new PolicyError('EFLOW', `${number} is no port, ICMP type or code of ${protocol}: expected a number from 0 to ${limit}`);
}
