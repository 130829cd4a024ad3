import { nearest } from '../validation/suggestion.ts';
import { ValidationError } from '../validation/validation-error.ts';
import { parsePortNumber } from './port.ts';
import { hasPorts, isIcmp, type Protocol, type ProtocolName, parseProtocol } from './protocol.ts';

/** What a flow is to: `tcp/80`, `udp/dns`, `icmp/8/0`, `protocol/47`. */
export interface ProtocolPort {
  protocol: Protocol;
  /** Of protocols that have ports: a number, or a name that the destination has for one of its ports. */
  port?: number | string;
  /** Of ICMP and ICMPv6. */
  icmpType?: number;
  icmpCode?: number;
}

const NAMES: Readonly<Record<string, ProtocolName>> = {
  tcp: 'TCP',
  udp: 'UDP',
  sctp: 'SCTP',
  udplite: 'UDPLite',
  icmp: 'ICMP',
  icmpv6: 'ICMPv6',
};
const PORT_NAME = /^[a-zA-Z0-9_.-]{1,128}$/;
const EXPECTED = 'expected tcp/80, udp/53, tcp/http by name, icmp, icmp/8, icmpv6/128/0, or protocol/47 by number';

/**
 * Reads `tcp/80` and the like; letter case does not matter. A number alone is refused: most people mean a port by it, and it would be a protocol.
 *
 * @throws ValidationError
 */
export function parseProtocolPort(value: unknown): ProtocolPort {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string') throw ValidationError.of(value, 'is no protocol and port', EXPECTED);
  if (/^\d+$/.test(text)) {
    throw ValidationError.of(
      value,
      'may be a port or a protocol',
      `expected tcp/${text} or udp/${text}; for IP protocol ${text}, protocol/${text}`,
    );
  }
  const [word = '', ...rest] = text.replace(/^protocol\//i, '').split('/');
  const protocol = protocolOf(word, text);
  if (hasPorts(protocol) && rest.length === 1) return { protocol, port: portOf(rest[0]!, text) };
  if (isIcmp(protocol) && rest.length <= 2) return { protocol, ...messageOf(rest, text) };
  if (!hasPorts(protocol) && rest.length === 0) return { protocol };
  throw ValidationError.of(text, hasPorts(protocol) && rest.length === 0 ? 'names no port' : 'is no protocol and port', EXPECTED);
}

/** `TCP 80`, `ICMP type 8 code 0`. */
export function protocolPortText({ protocol, port, icmpType, icmpCode }: ProtocolPort): string {
  const name = typeof protocol === 'number' ? `protocol ${protocol}` : protocol;
  const type = icmpType === undefined ? '' : ` type ${icmpType}`;
  return `${name}${port === undefined ? '' : ` ${port}`}${type}${icmpCode === undefined ? '' : ` code ${icmpCode}`}`;
}

function protocolOf(word: string, text: string): Protocol {
  const name = NAMES[word.toLowerCase()];
  if (name !== undefined) return name;
  if (/^\d+$/.test(word)) return parseProtocol(Number(word));
  const meant = nearest(word, Object.keys(NAMES));
  throw ValidationError.of(text, 'names no protocol', meant === undefined ? EXPECTED : `did you mean "${meant}"? ${EXPECTED}`);
}

function portOf(word: string, text: string): number | string {
  if (/^\d+$/.test(word)) return parsePortNumber(word);
  if (PORT_NAME.test(word)) return word;
  throw ValidationError.of(text, 'names no port', EXPECTED);
}

function messageOf(words: readonly string[], text: string): Pick<ProtocolPort, 'icmpType' | 'icmpCode'> {
  const [type, code] = words.map((word) => {
    if (/^\d+$/.test(word) && Number(word) <= 255) return Number(word);
    throw ValidationError.of(text, 'has no type and code of ICMP', 'expected numbers from 0 to 255, as in icmp/8/0');
  });
  return { ...(type !== undefined && { icmpType: type }), ...(code !== undefined && { icmpCode: code }) };
}
