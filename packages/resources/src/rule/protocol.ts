import { takes } from '../validation/json-shape.ts';
import { nearest } from '../validation/suggestion.ts';
import { ValidationError } from '../validation/validation-error.ts';

/** IANA protocol numbers of the protocols that have a name in rules. */
const NUMBERS = { TCP: 6, UDP: 17, SCTP: 132, UDPLite: 136, ICMP: 1, ICMPv6: 58 } as const;

export type ProtocolName = keyof typeof NUMBERS;

/** A protocol by name, or by number (1–255) where it has no name: a parsed rule never holds 6 for TCP. */
export type Protocol = ProtocolName | number;

/** Protocols whose packets carry ports at the place where TCP has them. */
export type PortProtocol = 'TCP' | 'UDP' | 'SCTP' | 'UDPLite';

/** The number in the IP header. */
export function protocolNumber(protocol: Protocol): number {
  return typeof protocol === 'number' ? protocol : NUMBERS[protocol];
}

export function hasPorts(protocol: Protocol | undefined): protocol is PortProtocol {
  return protocol === 'TCP' || protocol === 'UDP' || protocol === 'SCTP' || protocol === 'UDPLite';
}

export function isIcmp(protocol: Protocol | undefined): protocol is 'ICMP' | 'ICMPv6' {
  return protocol === 'ICMP' || protocol === 'ICMPv6';
}

/**
 * Reads a protocol; numbers of named protocols become the name.
 *
 * @throws ValidationError
 */
export function parseProtocol(value: unknown): Protocol {
  const names = Object.keys(NUMBERS) as ProtocolName[];
  if (names.includes(value as ProtocolName)) return value as ProtocolName;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 255) {
    return names.find((name) => NUMBERS[name] === value) ?? value;
  }
  const meant = typeof value === 'string' ? nearest(value, names) : undefined;
  throw ValidationError.of(
    value,
    'is no protocol',
    meant ? `did you mean "${meant}"? Allowed are ${names.join(', ')}, 1 to 255` : `expected ${names.join(', ')} or a number from 1 to 255`,
  );
}
takes(parseProtocol, { type: ['string', 'integer'], description: 'a name or a number from 1 to 255' });
