import type { Direction, Endpoint, HostEndpoint } from '@weir/resources';
import { familyOf } from '@weir/resources';
import type { Member } from '../membership/member.ts';
import { addressType, type KeyField, type Statement } from '../statements/statement.ts';
import type { Entry } from './entry.ts';

/** An endpoint of this host: a container's, or the host's own. */
export interface LocalEndpoint {
  readonly object: Endpoint | HostEndpoint;
  readonly member: Member;
}

/** Where the packets of an endpoint go. */
export interface Entries extends Readonly<Record<Direction, Entry>> {
  /** Of a host endpoint: packets that pass through the host. */
  readonly forwarded?: Readonly<Record<Direction, Entry>>;
}

/** Stands for all interfaces of a host. */
export const ANY_INTERFACE = '*';

/** EtherTypes: what a base chain can look a packet of any interface up by. */
const ETHER_TYPES = [0x0800, 0x86dd];

/** Interfaces that Weir made have this prefix, and the base chains know them by it; others have to be adopted one by one. */
const OWN_PREFIX = 'weir';

/** Tells the local endpoints' places apart: a container's and a host's endpoint may be on one interface, a tap that Weir adopted. */
export function placeOf(object: Endpoint | HostEndpoint): string {
  return object.kind === 'Endpoint' ? object.spec.hostInterface : hostPlace(object.spec.interfaceName);
}

/** No name of an interface has a blank. */
const HOST = 'host ';

/** The place of a host endpoint. */
export function hostPlace(interfaceName: string): string {
  return HOST + interfaceName;
}

export function isHostPlace(place: string): boolean {
  return place.startsWith(HOST);
}

/** What leads from the base chains to an endpoint's entries. */
export function dispatchStatements({ object, member }: LocalEndpoint, entries: Entries): Statement[] {
  return object.kind === 'Endpoint' ? containerStatements(object, member, entries) : hostStatements(object, entries);
}

function containerStatements({ spec }: Endpoint, { addresses }: Member, entries: Entries): Statement[] {
  const name: KeyField = { type: 'ifname', value: spec.hostInterface };
  const isOwn = name.value.startsWith(OWN_PREFIX);
  return [
    { kind: 'element', set: 'from_endpoint', key: [name], verdict: entries.Egress.verdict },
    { kind: 'element', set: 'to_endpoint', key: [name], verdict: entries.Ingress.verdict },
    ...(isOwn ? [] : [{ kind: 'element' as const, set: 'adopted', key: [name] }]),
    ...senderStatements(name, spec.mac, addresses),
  ];
}

function senderStatements(name: KeyField, mac: string | undefined, addresses: readonly string[]): Statement[] {
  const element = (set: string, ...key: KeyField[]): Statement => ({ kind: 'element', set, key: [name, ...key] });
  const hardware: KeyField[] = mac === undefined ? [] : [{ type: 'ether_addr', value: mac }];
  const set = mac === undefined ? 'source' : 'sender';
  return [
    element(mac === undefined ? 'any_mac' : 'source_mac', ...hardware),
    ...addresses.map((address) => {
      const family = familyOf(address);
      return element(`${set}${family === 'IPv4' ? '4' : '6'}`, ...hardware, { type: addressType(family), value: address });
    }),
  ];
}

function hostStatements({ spec }: HostEndpoint, { Ingress, Egress, forwarded }: Entries): Statement[] {
  const isAny = spec.interfaceName === ANY_INTERFACE;
  const keys: KeyField[] = isAny
    ? ETHER_TYPES.map((value) => ({ type: 'ether_type', value }))
    : [{ type: 'ifname', value: spec.interfaceName }];
  const verdicts = { to_host: Ingress, from_host: Egress, forward_in: forwarded!.Ingress, forward_out: forwarded!.Egress };
  return keys.flatMap((key): Statement[] => [
    { kind: 'element', set: isAny ? 'any_host_endpoint' : 'host_endpoint', key: [key] },
    ...Object.entries(verdicts).map(
      ([map, { verdict }]): Statement => ({ kind: 'element', set: isAny ? `any_${map}` : map, key: [key], verdict }),
    ),
  ]);
}
