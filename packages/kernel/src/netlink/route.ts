/** Routes (RTM_*ROUTE of linux/rtnetlink.h): requests written, messages read. Pure. */
import {
  AF_INET,
  AF_INET6,
  everything,
  familyOf,
  formatAddress,
  formatPrefix,
  type IpVersion,
  parseAddress,
  parsePrefix,
} from './ip-address.ts';
import {
  type Attributes,
  decodeAttributes,
  type Message,
  type MessageWriter,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  type Request,
} from './message.ts';
import { SCOPES, type Scope, scopeName } from './scope.ts';

export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;

// struct rtmsg: family, destination length, source length, tos, table, protocol, scope, type (u8 each), flags u32
const HEADER_LENGTH = 12;
const RTA = { DST: 1, OIF: 4, GATEWAY: 5, PRIORITY: 6, PREFSRC: 7, MULTIPATH: 9, TABLE: 15, VIA: 18 } as const;
const RTNH_F_ONLINK = 4;
const RTM_F_CLONED = 0x200;

/** Routing table of `ip route` without `table`. */
export const MAIN_TABLE = 254;
const IPV6_DEFAULT_METRIC = 1024;

const TYPES = [
  'unspecified',
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
] as const;
export type RouteType = (typeof TYPES)[number];

/** rtnetlink's protocol numbers: who made a route (/etc/iproute2/rt_protos). */
export const RouteProtocol = { kernel: 2, boot: 3, static: 4, routerAdvertisement: 9, bird: 12, bgp: 186 } as const;

export interface NextHop {
  /** Gateway; absent for one that is directly on the link. */
  via?: string;
  /** Index. */
  link?: number;
  /** The gateway is on the link although no address there says so. */
  onLink?: boolean;
}

/** A route. What is absent has its default, also when read, so that a route written and read back is equal. */
export interface Route extends NextHop {
  /** `10.1.0.0/26`, `fd00::/122`, `0.0.0.0/0`, `::/0`. */
  destination: string;
  /** Default unicast. */
  type?: RouteType;
  /** Preferred source address. */
  source?: string;
  /** IPv4 only (IPv6 knows none). Default: global with a gateway, link without, host for type local. */
  scope?: Scope;
  /** Default 254, main. */
  table?: number;
  /** Number of rtnetlink's protocol; default 3, boot, as `ip route` has it. */
  protocol?: number;
  /** Lower wins. Default 0 for IPv4, 1024 for IPv6. */
  metric?: number;
  /** Several equal ways, instead of `via` and `link`. */
  nextHops?: (NextHop & { weight?: number })[];
}

function defaultScope(route: Route): Scope {
  if (route.type === 'local') return 'host';
  if (route.type !== undefined && route.type !== 'unicast')
    return route.type === 'broadcast' || route.type === 'multicast' || route.type === 'anycast' ? 'link' : 'global';
  return route.via !== undefined || route.nextHops?.some((hop) => hop.via !== undefined) ? 'global' : 'link';
}

function describeHop({ via, link, onLink }: NextHop): string {
  return `${via ? ` via ${via}` : ''}${link ? ` dev ${link}` : ''}${onLink ? ' onlink' : ''}`;
}

/** A route in the words of `ip route`. */
export function describeRoute(route: Route): string {
  const { destination, type, source, scope, table, protocol, metric, nextHops } = route;
  return [
    type && type !== 'unicast' ? `${type} ` : '',
    destination,
    describeHop(route),
    table ? ` table ${table}` : '',
    protocol ? ` proto ${protocol}` : '',
    scope ? ` scope ${scope}` : '',
    source ? ` src ${source}` : '',
    metric ? ` metric ${metric}` : '',
    ...(nextHops ?? []).map((hop) => ` nexthop${describeHop(hop)} weight ${hop.weight ?? 1}`),
  ].join('');
}

function writeGateway(writer: MessageWriter, via: string | undefined, family: number): void {
  if (via === undefined) return;
  const bytes = parseAddress(via);
  const gatewayFamily = bytes.length === 4 ? AF_INET : AF_INET6;
  if (gatewayFamily === family) {
    writer.data(RTA.GATEWAY, bytes);
    return;
  }
  const value = Buffer.alloc(2 + bytes.length); // struct rtvia: a gateway of the other family (RFC 5549)
  value.writeUInt16LE(gatewayFamily, 0);
  value.set(bytes, 2);
  writer.data(RTA.VIA, value);
}

function routeRequest(type: number, flags: number, word: string, route: Route): Request {
  const prefix = parsePrefix(route.destination);
  const table = route.table ?? MAIN_TABLE;
  const deleting = type === RTM_DELROUTE;
  // Deleting, what is absent matches anything: 0 for protocol and type, nowhere for scope.
  const protocol = route.protocol ?? (deleting ? 0 : RouteProtocol.boot);
  const routeType = route.type ?? (deleting ? 'unspecified' : 'unicast');
  const scope = route.scope ?? (deleting ? 'nowhere' : defaultScope(route));
  return {
    operation: `ip route ${word} ${describeRoute(route)}`,
    type,
    flags,
    write(writer) {
      writer.struct(HEADER_LENGTH, (view) => {
        view.writeUInt8(prefix.family, 0);
        view.writeUInt8(prefix.length, 1);
        view.writeUInt8(table < 256 ? table : 0, 4);
        view.writeUInt8(protocol, 5);
        view.writeUInt8(prefix.version === 4 ? SCOPES[scope] : 0, 6);
        view.writeUInt8(TYPES.indexOf(routeType), 7);
        view.writeUInt32LE(route.onLink ? RTNH_F_ONLINK : 0, 8);
      });
      if (prefix.length > 0) writer.data(RTA.DST, prefix.bytes);
      if (table >= 256) writer.u32(RTA.TABLE, table);
      if (route.metric !== undefined) writer.u32(RTA.PRIORITY, route.metric);
      if (route.source !== undefined) writer.data(RTA.PREFSRC, parseAddress(route.source));
      writeGateway(writer, route.via, prefix.family);
      if (route.link !== undefined) writer.u32(RTA.OIF, route.link);
      if (route.nextHops) writeNextHops(writer, route.nextHops, prefix.family);
    },
  };
}

function writeNextHops(writer: MessageWriter, hops: NonNullable<Route['nextHops']>, family: number): void {
  writer.nest(RTA.MULTIPATH, () => {
    for (const hop of hops) {
      writer.sized(
        (header) => {
          // struct rtnexthop: length u16, flags u8, weight less one u8, link index i32
          header.writeUInt8(hop.onLink ? RTNH_F_ONLINK : 0, 2);
          header.writeUInt8((hop.weight ?? 1) - 1, 3);
          header.writeInt32LE(hop.link ?? 0, 4);
        },
        () => writeGateway(writer, hop.via, family),
      );
    }
  });
}

export function addRoute(route: Route): Request {
  return routeRequest(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, 'add', route);
}

/** Adds a route, in place of the one with the same destination, metric and table if there is one. */
export function replaceRoute(route: Route): Request {
  return routeRequest(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, 'replace', route);
}

/** Removes the first route that agrees with all that is given; `destination` suffices. */
export function deleteRoute(route: Route): Request {
  return routeRequest(RTM_DELROUTE, 0, 'delete', route);
}

export interface RouteFilter {
  version?: IpVersion;
  /** Default: every table. */
  table?: number;
  protocol?: number;
  type?: RouteType;
  /** Index. */
  link?: number;
}

/** The kernel filters (NETLINK_GET_STRICT_CHK), so that a large foreign table costs nothing. */
export function dumpRoutes(filter: RouteFilter & { version: IpVersion }): Request {
  const { version, table, protocol, type, link } = filter;
  return {
    operation: `ip -${version} route show${table ? ` table ${table}` : ''}${protocol ? ` proto ${protocol}` : ''}${type ? ` type ${type}` : ''}${link ? ` dev ${link}` : ''}`,
    type: RTM_GETROUTE,
    flags: 0,
    write(writer) {
      writer.struct(HEADER_LENGTH, (view) => {
        view.writeUInt8(familyOf(version), 0);
        view.writeUInt8(protocol ?? 0, 5);
        view.writeUInt8(type ? TYPES.indexOf(type) : 0, 7);
      });
      if (table !== undefined) writer.u32(RTA.TABLE, table);
      if (link !== undefined) writer.u32(RTA.OIF, link);
    },
  };
}

/** The route that a packet to the address takes, as `ip route get` asks for it; with `link`, an index, of those on that link. */
export function lookUpRoute(address: string, link?: number): Request {
  const bytes = parseAddress(address);
  return {
    operation: `ip route get ${address}${describeHop({ ...(link !== undefined && { link }) })}`,
    type: RTM_GETROUTE,
    flags: 0,
    write(writer) {
      writer.struct(HEADER_LENGTH, (view) => {
        view.writeUInt8(bytes.length === 4 ? AF_INET : AF_INET6, 0);
        view.writeUInt8(bytes.length * 8, 1);
      });
      writer.data(RTA.DST, bytes);
      if (link !== undefined) writer.u32(RTA.OIF, link);
    },
  };
}

/** The type of the route in the answer to `lookUpRoute`. */
export const routeTypeOf = ({ payload }: Message): RouteType => TYPES[payload.readUInt8(7)] ?? 'unspecified';

/** Index of the link in the answer to `lookUpRoute`. */
export const routeLinkOf = ({ payload }: Message): number | undefined =>
  decodeAttributes(payload, HEADER_LENGTH).get(RTA.OIF)?.readUInt32LE(0);

/** Reads an RTM_NEWROUTE or RTM_DELROUTE message; undefined for what is no route of the table (a cached exception, another family). */
export function decodeRoute({ payload }: Message): Route | undefined {
  const family = payload.readUInt8(0);
  if ((family !== AF_INET && family !== AF_INET6) || payload.readUInt32LE(8) & RTM_F_CLONED) return undefined;
  const version = family === AF_INET ? 4 : 6;
  const attributes = decodeAttributes(payload, HEADER_LENGTH);
  const destination = attributes.get(RTA.DST);
  const type = TYPES[payload.readUInt8(7)] ?? 'unspecified';
  const route: Route = { destination: destination ? formatPrefix(destination, payload.readUInt8(1)) : everything(version) };
  if (type !== 'unicast') route.type = type;
  // IPv6 hangs rejecting routes on the loopback; nobody asked for that.
  const rejects = type === 'blackhole' || type === 'unreachable' || type === 'prohibit' || type === 'throw';
  if (!rejects) Object.assign(route, decodeHop(attributes, payload.readUInt32LE(8)));
  const source = attributes.get(RTA.PREFSRC);
  if (source) route.source = formatAddress(source);
  const table = attributes.get(RTA.TABLE)?.readUInt32LE(0) ?? payload.readUInt8(4);
  if (table !== MAIN_TABLE) route.table = table;
  const protocol = payload.readUInt8(5);
  if (protocol !== RouteProtocol.boot) route.protocol = protocol;
  const metric = attributes.get(RTA.PRIORITY)?.readUInt32LE(0) ?? 0;
  if (metric !== (version === 4 ? 0 : IPV6_DEFAULT_METRIC)) route.metric = metric;
  const multipath = attributes.get(RTA.MULTIPATH);
  if (multipath) route.nextHops = decodeNextHops(multipath);
  const scope = scopeName(payload.readUInt8(6));
  if (version === 4 && scope !== defaultScope(route)) route.scope = scope;
  return route;
}

function decodeHop(attributes: Attributes, flags: number): NextHop {
  const hop: NextHop = {};
  const gateway = attributes.get(RTA.GATEWAY) ?? attributes.get(RTA.VIA)?.subarray(2);
  if (gateway) hop.via = formatAddress(gateway);
  const link = attributes.get(RTA.OIF);
  if (link) hop.link = link.readUInt32LE(0);
  if (flags & RTNH_F_ONLINK) hop.onLink = true;
  return hop;
}

function decodeNextHops(value: Buffer): NonNullable<Route['nextHops']> {
  const hops: NonNullable<Route['nextHops']> = [];
  for (let at = 0; at + 8 <= value.length; ) {
    const length = value.readUInt16LE(at);
    if (length < 8 || at + length > value.length)
      throw new RangeError(`a next hop of ${length} bytes at ${at} does not fit in ${value.length} bytes`);
    const hop = decodeHop(decodeAttributes(value.subarray(at, at + length), 8), value.readUInt8(at + 2));
    const weight = value.readUInt8(at + 3) + 1;
    hops.push({ ...hop, link: value.readInt32LE(at + 4), ...(weight !== 1 && { weight }) });
    at += (length + 3) & ~3;
  }
  return hops;
}
