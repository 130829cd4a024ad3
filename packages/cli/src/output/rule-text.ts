/** Rules of policies in words. */
import { formatSelector, type Peer, type Port, parseSelector, portRange, type Rule } from '@weir/resources';

/**
 * `Allow TCP from endpoints with run == 'access' in namespace shop to port 80`.
 *
 * @param namespace of the policy, in which selectors without namespaceSelector look; absent for a GlobalPolicy, whose selectors look everywhere
 */
export function ruleText(rule: Rule, namespace: string | undefined): string {
  const parts = [rule.action, trafficText(rule)];
  if (rule.source !== undefined) parts.push(peerText('from', rule.source, namespace));
  if (rule.destination !== undefined) parts.push(peerText('to', rule.destination, namespace));
  return parts.filter((part) => part !== '').join(' ');
}

/** `IPv4 ICMP type 8`, `everything except TCP`. */
function trafficText({ ipVersion, protocol, notProtocol, icmp, notICMP }: Rule): string {
  const kinds = [
    ...(ipVersion === undefined ? [] : [`IPv${ipVersion}`]),
    ...(protocol === undefined ? [] : [protocolText(protocol)]),
    ...(icmp === undefined ? [] : [icmpText(icmp)]),
  ];
  const exceptions = [
    ...(notProtocol === undefined ? [] : [protocolText(notProtocol)]),
    ...(notICMP === undefined ? [] : [icmpText(notICMP)]),
  ];
  return except(kinds.join(' ') || 'everything', exceptions);
}

function protocolText(protocol: NonNullable<Rule['protocol']>): string {
  return typeof protocol === 'number' ? `protocol ${protocol}` : protocol;
}

function icmpText({ type, code }: NonNullable<Rule['icmp']>): string {
  return code === undefined ? `type ${type}` : `type ${type} code ${code}`;
}

/** `from 10.0.0.0/8 except 10.1.0.0/16, port 53`; empty when the peer asks for nothing. */
function peerText(preposition: 'from' | 'to', peer: Peer, namespace: string | undefined): string {
  const who = whoText(peer, namespace);
  const ports = portsText(peer);
  if (who === '' && ports === '') return '';
  return `${preposition} ${[who, ports].filter((part) => part !== '').join(', ')}`;
}

/** Whose the address is. A selector says what the peer is, domains what DNS calls it and nets where; the first of them stands for itself. */
function whoText(peer: Peer, namespace: string | undefined): string {
  const { nets, notNets, domains, selector, notSelector, namespaceSelector, services } = peer;
  if (services !== undefined) return `service ${services.namespace ?? namespace}/${services.name}`;
  const [first, ...more] = [
    ...(selector === undefined && namespaceSelector === undefined
      ? []
      : [['', selectedText(selector ?? 'all()', namespacesText(namespaceSelector, namespace))] as const]),
    ...(domains === undefined ? [] : [['called', anyOf(domains)] as const]),
    ...(nets === undefined ? [] : [['at', anyOf(nets)] as const]),
  ];
  if (first === undefined && notNets === undefined && notSelector === undefined) return '';
  const subject = [first === undefined ? 'any address' : first[1], ...more.map(([how, what]) => `${how} ${what}`)].join(' ');
  const exceptions = [
    ...(notNets ?? []),
    // The negation looks in all namespaces, whatever the policy's own is.
    ...(notSelector === undefined ? [] : [selectedText(notSelector, 'in any namespace')]),
  ];
  return except(subject, exceptions);
}

/** `endpoints with run == 'access' in namespace shop`. Network sets have labels too, and are meant as well. */
function selectedText(selector: string, place: string): string {
  return isAll(selector) ? `any endpoint ${place}` : `endpoints with ${selector} ${place}`;
}

function namespacesText(namespaceSelector: string | undefined, namespace: string | undefined): string {
  if (namespaceSelector !== undefined && !isAll(namespaceSelector)) return `in namespaces with ${namespaceSelector}`;
  return namespaceSelector === undefined && namespace !== undefined ? `in namespace ${namespace}` : 'in any namespace';
}

function isAll(selector: string): boolean {
  return formatSelector(parseSelector(selector)) === 'all()';
}

/** `port 80 or 8000-8080 except 8010`. */
function portsText({ ports, notPorts = [] }: Peer): string {
  if (ports === undefined && notPorts.length === 0) return '';
  return except(ports === undefined ? 'any port' : `port ${anyOf(ports.map(portText))}`, notPorts.map(portText));
}

function portText(port: Port): string {
  const range = portRange(port);
  if (range === undefined) return String(port);
  return range.first === range.last ? String(range.first) : `${range.first}-${range.last}`;
}

function except(text: string, exceptions: readonly string[]): string {
  return exceptions.length === 0 ? text : `${text} except ${enumeration(exceptions, 'and')}`;
}

function anyOf(texts: readonly string[]): string {
  return enumeration(texts, 'or');
}

function enumeration(texts: readonly string[], conjunction: 'and' | 'or'): string {
  return texts.length < 2 ? texts.join('') : `${texts.slice(0, -1).join(', ')} ${conjunction} ${texts.at(-1)}`;
}
