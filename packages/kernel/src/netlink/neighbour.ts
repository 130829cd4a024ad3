/** Neighbours: ARP, NDP, proxies, and the forwarding database of VXLAN (RTM_*NEIGH of linux/neighbour.h). Pure. */
import { familyOf, formatAddress, formatMac, type IpVersion, parseAddress, parseMac } from './ip-address.ts';
import { decodeAttributes, type Message, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, type Request } from './message.ts';

export const RTM_NEWNEIGH = 28;
export const RTM_DELNEIGH = 29;
const RTM_GETNEIGH = 30;

// struct ndmsg: family u8, padding, index i32 at 4, state u16 at 8, flags u8 at 10, type u8 at 11
const HEADER_LENGTH = 12;
const AF_INET = 2;
const AF_INET6 = 10;
const AF_BRIDGE = 7;
const NDA_DST = 1;
const NDA_LLADDR = 2;
const NDA_IFINDEX = 8;
const NTF_SELF = 2;
const NTF_PROXY = 8;
const NUD_NOARP = 0x40;
const NUD_PERMANENT = 0x80;
const STATES = new Map([
  [0x01, 'incomplete'],
  [0x02, 'reachable'],
  [0x04, 'stale'],
  [0x08, 'delay'],
  [0x10, 'probe'],
  [0x20, 'failed'],
  [NUD_NOARP, 'noarp'],
  [NUD_PERMANENT, 'permanent'],
] as const);

export type NeighbourState = 'none' | (typeof STATES extends Map<number, infer S> ? S : never);

export interface Neighbour {
  /** Index. */
  link: number;
  address: string;
  /** Absent while it is being asked for, and for proxies. */
  mac?: string;
  state: NeighbourState;
  /** We answer for this address on the link. */
  proxy: boolean;
}

export interface NeighbourOptions {
  /** Index. */
  link: number;
  address: string;
  mac?: string;
  /** Default true: never asked for, never forgotten. False makes it reachable, to age as if learned. */
  permanent?: boolean;
  /** Answer for this address on the link (proxy ARP of one address, proxy NDP) instead of knowing its MAC. */
  proxy?: boolean;
}

function neighbourRequest(type: number, flags: number, word: string, options: NeighbourOptions): Request {
  const { link, address, mac, permanent = true, proxy = false } = options;
  const bytes = parseAddress(address);
  return {
    operation: `ip neighbour ${word}${proxy ? ' proxy' : ''} ${address}${mac ? ` lladdr ${mac}` : ''} dev ${link}${mac && type === RTM_NEWNEIGH ? ` nud ${permanent ? 'permanent' : 'reachable'}` : ''}`,
    type,
    flags,
    write(writer) {
      writer.struct(HEADER_LENGTH, (view) => {
        view.writeUInt8(bytes.length === 4 ? AF_INET : AF_INET6, 0);
        view.writeInt32LE(link, 4);
        view.writeUInt16LE(permanent ? NUD_PERMANENT : 2, 8);
        view.writeUInt8(proxy ? NTF_PROXY : 0, 10);
      });
      writer.data(NDA_DST, bytes);
      if (mac !== undefined) writer.data(NDA_LLADDR, parseMac(mac));
    },
  };
}

export function addNeighbour(options: NeighbourOptions): Request {
  return neighbourRequest(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, 'add', options);
}

/** Adds a neighbour, or changes the one that is there (a learned one too). */
export function replaceNeighbour(options: NeighbourOptions): Request {
  return neighbourRequest(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, 'replace', options);
}

export function deleteNeighbour(options: { link: number; address: string; proxy?: boolean }): Request {
  return neighbourRequest(RTM_DELNEIGH, 0, 'delete', options);
}

export interface NeighbourFilter {
  /** Index. */
  link?: number;
  version?: IpVersion;
  /** The proxied addresses instead of the neighbours: the kernel keeps them apart. */
  proxy?: boolean;
}

export function dumpNeighbours({ link, version, proxy }: NeighbourFilter = {}): Request {
  return {
    operation: `ip neighbour show${proxy ? ' proxy' : ''}${link ? ` dev ${link}` : ''}`,
    type: RTM_GETNEIGH,
    flags: 0,
    write(writer) {
      writer.struct(HEADER_LENGTH, (view) => {
        view.writeUInt8(familyOf(version), 0);
        view.writeUInt8(proxy ? NTF_PROXY : 0, 10);
      });
      // The proxy table takes no filter by link; `decodeNeighbour`'s caller sorts those out.
      if (link !== undefined && !proxy) writer.u32(NDA_IFINDEX, link);
    },
  };
}

/** Reads an RTM_NEWNEIGH or RTM_DELNEIGH message; undefined for those of other families (a bridge's forwarding database). */
export function decodeNeighbour({ payload }: Message): Neighbour | undefined {
  const family = payload.readUInt8(0);
  const attributes = decodeAttributes(payload, HEADER_LENGTH);
  const destination = attributes.get(NDA_DST);
  if ((family !== AF_INET && family !== AF_INET6) || !destination) return undefined;
  const mac = attributes.get(NDA_LLADDR);
  return {
    link: payload.readInt32LE(4),
    address: formatAddress(destination),
    ...(mac?.length && { mac: formatMac(mac) }),
    state: STATES.get(payload.readUInt16LE(8) as 1) ?? 'none',
    proxy: (payload.readUInt8(10) & NTF_PROXY) !== 0,
  };
}

/** One entry of a VXLAN link's forwarding database: frames to this MAC go in packets to this underlay address. */
export interface ForwardingEntry {
  /** Index of the VXLAN link. */
  link: number;
  mac: string;
  /** Underlay address of the other end. */
  destination: string;
}

function forwardingRequest(type: number, flags: number, word: string, { link, mac, destination }: ForwardingEntry): Request {
  return {
    operation: `bridge fdb ${word} ${mac} dev ${link} dst ${destination} self permanent`,
    type,
    flags,
    write(writer) {
      writer.struct(HEADER_LENGTH, (view) => {
        view.writeUInt8(AF_BRIDGE, 0);
        view.writeInt32LE(link, 4);
        view.writeUInt16LE(NUD_NOARP | NUD_PERMANENT, 8);
        view.writeUInt8(NTF_SELF, 10);
      });
      writer.data(NDA_LLADDR, parseMac(mac));
      writer.data(NDA_DST, parseAddress(destination));
    },
  };
}

/** Sets where one MAC is; for 00:00:00:00:00:00 (flooded frames) adds one more place. */
export function addForwarding(entry: ForwardingEntry): Request {
  const flood = /^[0:]+$/.test(entry.mac);
  return forwardingRequest(RTM_NEWNEIGH, NLM_F_CREATE | (flood ? NLM_F_APPEND : NLM_F_REPLACE), flood ? 'append' : 'replace', entry);
}

export function deleteForwarding(entry: ForwardingEntry): Request {
  return forwardingRequest(RTM_DELNEIGH, 0, 'delete', entry);
}

export function dumpForwarding(link: number): Request {
  return {
    operation: `bridge fdb show dev ${link}`,
    type: RTM_GETNEIGH,
    flags: 0,
    write(writer) {
      writer.struct(HEADER_LENGTH, (view) => {
        view.writeUInt8(AF_BRIDGE, 0);
        view.writeInt32LE(link, 4);
      });
    },
  };
}

/** Reads one entry of a forwarding database; undefined for those without an underlay address. */
export function decodeForwarding({ payload }: Message): ForwardingEntry | undefined {
  const attributes = decodeAttributes(payload, HEADER_LENGTH);
  const destination = attributes.get(NDA_DST);
  const mac = attributes.get(NDA_LLADDR);
  if (payload.readUInt8(0) !== AF_BRIDGE || !destination || !mac) return undefined;
  return { link: payload.readInt32LE(4), mac: formatMac(mac), destination: formatAddress(destination) };
}
