/**
 * Rules in few words, as they stand in labels of apps: `allow from app=web port 80`, several with `;` between.
 *
 *     <allow|deny|log|pass> [from|to <peer>…] [port <port>[/tcp|/udp|/sctp],…] | icmp
 *
 * A peer is `any`, `key=value` (labels, all of them), `namespace=name`, or CIDRs and addresses with commas between.
 */
import { NAMESPACE_NAME_LABEL, type NamedPort, type Peer, parseCidr, parsePort, type Rule, ValidationError } from '@weir/resources';

export interface Rules {
  ingress: Rule[];
  egress: Rule[];
}

const ACTIONS = { allow: 'Allow', deny: 'Deny', log: 'Log', pass: 'Pass' } as const;
const PROTOCOLS = { tcp: 'TCP', udp: 'UDP', sctp: 'SCTP' } as const;
/** Of one label. A policy of more is better written as a policy. */
const MAX_LENGTH = 4096;

/**
 * Reads rules; without `from` or `to` they are about traffic to the app.
 *
 * @throws ValidationError that names the rule and the word
 */
export function parseRules(text: string): Rules {
  if (text.length > MAX_LENGTH)
    throw ValidationError.of(`${text.slice(0, 40)}…`, `has ${text.length} characters`, `at most ${MAX_LENGTH} are read`);
  const rules: Rules = { ingress: [], egress: [] };
  for (const one of text.split(';')) {
    const words = one.trim().split(/\s+/).filter(Boolean);
    if (words.length > 0) addRule(rules, words, one.trim());
  }
  return rules;
}

function addRule(rules: Rules, words: string[], text: string): void {
  const [actionWord = '', ...rest] = words;
  const action = Object.hasOwn(ACTIONS, actionWord.toLowerCase()) ? ACTIONS[actionWord.toLowerCase() as keyof typeof ACTIONS] : undefined;
  if (action === undefined) throw refusal(text, actionWord, `expected one of ${Object.keys(ACTIONS).join(', ')}`);
  let side: 'from' | 'to' = 'from';
  const peers: string[] = [];
  let ports: { protocol: NamedPort['protocol']; ports: (number | string)[] }[] = [];
  let icmp = false;
  while (rest.length > 0) {
    const word = rest.shift()!;
    if (word === 'from' || word === 'to') {
      if (peers.length > 0) throw refusal(text, word, 'a rule has one "from" or one "to"');
      side = word;
      while (rest.length > 0 && !KEYWORDS.has(rest[0]!)) peers.push(rest.shift()!);
      if (peers.length === 0) throw refusal(text, word, 'say whom: any, key=value, namespace=name or a CIDR');
    } else if (word === 'port' || word === 'ports') {
      const list = rest.shift();
      if (ports.length > 0) throw refusal(text, word, 'a rule has one "port": write them with commas between');
      if (list === undefined) throw refusal(text, word, 'say which: 80, 8000:8080, http or 53/udp');
      ports = portsOf(list, text);
    } else if (word === 'icmp') icmp = true;
    else throw refusal(text, word, 'expected "from", "to", "port" or "icmp"');
  }
  if (icmp && ports.length > 0) throw refusal(text, 'icmp', 'ICMP has no ports');
  const peer = peerOf(peers, text);
  const built = (side === 'from' ? ingress : egress)(action, peer, ports, icmp);
  (side === 'from' ? rules.ingress : rules.egress).push(...built);
}

const KEYWORDS = new Set(['from', 'to', 'port', 'ports', 'icmp']);

type Build = (
  action: Rule['action'],
  peer: Peer,
  ports: { protocol: NamedPort['protocol']; ports: (number | string)[] }[],
  icmp: boolean,
) => Rule[];

/** The ports are those of the app. */
const ingress: Build = (action, peer, ports, icmp) => {
  const source = Object.keys(peer).length === 0 ? {} : { source: peer };
  if (icmp) return icmpRules(action, source);
  if (ports.length === 0) return [{ action, ...source }];
  return ports.map((one) => ({ action, protocol: one.protocol, ...source, destination: { ports: one.ports } }));
};

/** The ports are those of the other end. */
const egress: Build = (action, peer, ports, icmp) => {
  const destination = Object.keys(peer).length === 0 ? {} : { destination: peer };
  if (icmp) return icmpRules(action, destination);
  if (ports.length === 0) return [{ action, ...destination }];
  return ports.map((one) => ({ action, protocol: one.protocol, destination: { ...peer, ports: one.ports } }));
};

/** Of the families that the peer's blocks have. */
function icmpRules(action: Rule['action'], peer: Pick<Rule, 'source' | 'destination'>): Rule[] {
  const nets = peer.source?.nets ?? peer.destination?.nets;
  const has = (six: boolean) => nets === undefined || nets.some((net) => net.includes(':') === six);
  return [
    ...(has(false) ? [{ action, protocol: 'ICMP' as const, ...peer }] : []),
    ...(has(true) ? [{ action, protocol: 'ICMPv6' as const, ...peer }] : []),
  ];
}

function peerOf(words: readonly string[], rule: string): Peer {
  const labels: string[] = [];
  const nets: string[] = [];
  let namespaceSelector: string | undefined;
  for (const word of words) {
    const [key = '', value] = splitOnce(word, '=');
    if (word === 'any') {
      if (words.length > 1) throw refusal(rule, word, '"any" stands alone');
    } else if (key === 'namespace' && value !== undefined) {
      if (namespaceSelector !== undefined) throw refusal(rule, word, 'nobody is in two namespaces: write two rules');
      namespaceSelector = `${NAMESPACE_NAME_LABEL} == ${quoted(value, rule)}`;
    } else if (value !== undefined) {
      if (!/^[A-Za-z0-9_./-]+$/.test(key)) throw refusal(rule, word, 'a label name has letters, digits, "_", ".", "/" and "-"');
      labels.push(`${key} == ${quoted(value, rule)}`);
    } else nets.push(...word.split(',').map((net) => cidrOf(net, rule)));
  }
  if (nets.length > 0 && (labels.length > 0 || namespaceSelector !== undefined)) {
    throw refusal(rule, nets[0]!, 'addresses and labels in one peer would both have to hold: write two rules');
  }
  return {
    ...(nets.length > 0 && { nets }),
    ...(labels.length > 0 && { selector: labels.join(' && ') }),
    ...(namespaceSelector !== undefined && { namespaceSelector }),
  };
}

function quoted(value: string, rule: string): string {
  if (!/^[A-Za-z0-9_./-]*$/.test(value)) throw refusal(rule, value, 'a label value has letters, digits, "_", ".", "/" and "-"');
  return `'${value}'`;
}

function cidrOf(text: string, rule: string): string {
  const full = text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`;
  try {
    return parseCidr(full);
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    throw refusal(rule, text, 'expected any, key=value, namespace=name, an address or a CIDR');
  }
}

/** `80,http,53/udp`: by protocol, since a rule has one. */
function portsOf(list: string, rule: string): { protocol: NamedPort['protocol']; ports: (number | string)[] }[] {
  const byProtocol = new Map<NamedPort['protocol'], (number | string)[]>();
  for (const item of list.split(',')) {
    const [port = '', protocolWord = 'tcp'] = splitOnce(item, '/');
    const protocol = Object.hasOwn(PROTOCOLS, protocolWord) ? PROTOCOLS[protocolWord as keyof typeof PROTOCOLS] : undefined;
    if (protocol === undefined) throw refusal(rule, item, 'the protocol is tcp, udp or sctp');
    try {
      const known = byProtocol.get(protocol) ?? [];
      byProtocol.set(protocol, [...known, parsePort(port)]);
    } catch (error) {
      if (!(error instanceof ValidationError)) throw error;
      throw refusal(rule, item, error.issues[0]!.message);
    }
  }
  return [...byProtocol].map(([protocol, ports]) => ({ protocol, ports }));
}

function splitOnce(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function refusal(rule: string, word: string, expected: string): ValidationError {
  return ValidationError.of(word, `in the rule ${JSON.stringify(rule.slice(0, 200))} is not understood`, expected);
}
