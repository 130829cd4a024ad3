/** Links (RTM_*LINK of linux/rtnetlink.h, linux/if_link.h): requests written, messages read. Pure. */
import type { NamespaceHandle } from '../namespace.ts';
import { AF_INET, AF_INET6, AF_UNSPEC, formatAddress, formatMac, parseAddress, parseMac } from './ip-address.ts';
import {
  attributeList,
  decodeAttributes,
  decodeString,
  type Message,
  type MessageWriter,
  NLM_F_CREATE,
  NLM_F_EXCL,
  type Request,
} from './message.ts';

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;

const IFF_UP = 1;
const HEADER_LENGTH = 16; // struct ifinfomsg: family u8, pad, type u16, index i32, flags u32, change u32

const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  LINK: 5,
  MASTER: 10,
  OPERSTATE: 16,
  LINKINFO: 18,
  IFALIAS: 20,
  AF_SPEC: 26,
  GROUP: 27,
  NET_NS_FD: 28,
  EXT_MASK: 29,
  NUM_TX_QUEUES: 31,
  NUM_RX_QUEUES: 32,
  CARRIER: 33,
  LINK_NETNSID: 37,
} as const;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const VETH_INFO_PEER = 1;
const IFLA_INET_CONF = 1;
const IFLA_INET6_ADDR_GEN_MODE = 8;
const RTEXT_FILTER_SKIP_STATS = 8;
const VXLAN = { ID: 1, GROUP: 2, LINK: 3, LOCAL: 4, TTL: 5, LEARNING: 7, PORT: 15, GROUP6: 16, LOCAL6: 17 } as const;

const BRIDGE = { NF_CALL_IPTABLES: 36, NF_CALL_IP6TABLES: 37 } as const;

/** Places in the kernel's per-link IPv4 configuration: enum of IPV4_DEVCONF_* in linux/ip.h. */
const IPV4_CONF = {
  forwarding: 1,
  proxyArp: 3,
  acceptRedirects: 4,
  sendRedirects: 6,
  rpFilter: 8,
  acceptSourceRoute: 9,
  logMartians: 11,
  arpAnnounce: 18,
  arpIgnore: 19,
  routeLocalnet: 26,
} as const;

/** `/proc/sys/net/ipv4/conf/<link>/…` by numbers: switches are 0 or 1; rpFilter is 0 off, 1 strict, 2 loose. */
export type Ipv4Conf = { -readonly [K in keyof typeof IPV4_CONF]?: number };

const ADDRESS_GENERATION = ['eui64', 'none', 'stable-privacy', 'random'] as const;
/** How a link gets its IPv6 link-local address when it comes up; `none` leaves it without. */
export type Ipv6AddressGeneration = (typeof ADDRESS_GENERATION)[number];

const OPERATIONAL_STATES = ['unknown', 'notpresent', 'down', 'lowerlayerdown', 'testing', 'dormant', 'up'] as const; // RFC 2863

export interface Link {
  index: number;
  name: string;
  /** `veth`, `vxlan`, `bridge`, …; absent for physical links and the loopback. */
  kind?: string;
  /** Administratively up (IFF_UP); `operationalState` says whether it carries. */
  up: boolean;
  operationalState: (typeof OPERATIONAL_STATES)[number];
  mtu: number;
  /** Absent where the link layer has no addresses. */
  mac?: string;
  group: number;
  /** Free text. */
  alias?: string;
  /** Index of the bridge, bond or VRF that it belongs to. */
  master?: number;
  /** Index of the other end of a veth, or of the link below; within namespace `peerNamespaceId` if that is there. */
  peer?: number;
  /** Number that this namespace knows the peer's by. */
  peerNamespaceId?: number;
  ipv4Conf?: Ipv4Conf;
  ipv6AddressGeneration?: Ipv6AddressGeneration;
  vxlan?: VxlanConfiguration;
  bridge?: BridgeConfiguration;
}

export interface BridgeConfiguration {
  /** Whether the hooks of the family see packets that go from port to port (br_netfilter); its sysctl says so for all bridges. */
  callIpv4Hooks?: boolean;
  callIpv6Hooks?: boolean;
}

export interface VxlanConfiguration {
  /** VNI, 24 bit. */
  id: number;
  /** UDP port; 4789 by IANA. */
  port: number;
  /** Source address of the outer packets. */
  local?: string;
  /** Index of the link that the outer packets take. */
  underlay?: number;
  learning: boolean;
}

/** What any new link takes. */
export interface LinkOptions {
  name: string;
  mac?: string;
  /** Bytes. */
  mtu?: number;
  /** Set up at once. */
  up?: boolean;
  group?: number;
}

export interface VethOptions extends LinkOptions {
  /** Of each end, both for sending and for receiving; the kernel's default is one for every processor that the machine might have. */
  queues?: number;
  peer: {
    name: string;
    /** Where the peer is born; beside the other end when absent. */
    namespace?: NamespaceHandle | number;
    mac?: string;
    mtu?: number;
    group?: number;
  };
}

export interface VxlanOptions extends LinkOptions {
  id: number;
  port?: number;
  local?: string;
  underlay?: number;
  /** Learn peers from packets that come in; default false, as a control plane tells them. */
  learning?: boolean;
}

export interface LinkChange {
  up?: boolean;
  mtu?: number;
  mac?: string;
  /** Index of the new master; 0 takes it out. */
  master?: number;
  group?: number;
  name?: string;
  /** Free text of at most 255 bytes; empty: none. */
  alias?: string;
  /** Moves it there. */
  namespace?: NamespaceHandle | number;
  ipv4Conf?: Ipv4Conf;
  ipv6AddressGeneration?: Ipv6AddressGeneration;
  bridge?: BridgeConfiguration;
}

const namespaceFd = (namespace: NamespaceHandle | number): number => (typeof namespace === 'number' ? namespace : namespace.fd);

function writeHeader(writer: MessageWriter, index: number, up: boolean | undefined, family = AF_UNSPEC): void {
  writer.struct(HEADER_LENGTH, (view) => {
    view.writeUInt8(family, 0);
    view.writeInt32LE(index, 4);
    if (up === undefined) return;
    view.writeUInt32LE(up ? IFF_UP : 0, 8);
    view.writeUInt32LE(IFF_UP, 12);
  });
}

interface WrittenOptions {
  name?: string;
  mac?: string;
  mtu?: number;
  group?: number;
  queues?: number;
}

function writeLinkOptions(writer: MessageWriter, options: WrittenOptions): void {
  if (options.name !== undefined) writer.string(IFLA.IFNAME, options.name);
  if (options.mac !== undefined) writer.data(IFLA.ADDRESS, parseMac(options.mac));
  if (options.mtu !== undefined) writer.u32(IFLA.MTU, options.mtu);
  if (options.group !== undefined) writer.u32(IFLA.GROUP, options.group);
  if (options.queues === undefined) return;
  writer.u32(IFLA.NUM_TX_QUEUES, options.queues);
  writer.u32(IFLA.NUM_RX_QUEUES, options.queues);
}

function addLink(options: LinkOptions, kind: string, words: string, data?: (writer: MessageWriter) => void): Request {
  return {
    operation: `ip link add ${options.name}${describeOptions(options)} type ${kind}${words}`,
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    write(writer) {
      writeHeader(writer, 0, options.up || undefined);
      writeLinkOptions(writer, options);
      writer.nest(IFLA.LINKINFO, () => {
        writer.string(IFLA_INFO_KIND, kind);
        if (data) writer.nest(IFLA_INFO_DATA, () => data(writer));
      });
    },
  };
}

function describeOptions(options: Omit<WrittenOptions, 'name'> & { up?: boolean }): string {
  const { mac, mtu, group, queues, up } = options;
  return `${mac ? ` address ${mac}` : ''}${mtu ? ` mtu ${mtu}` : ''}${group ? ` group ${group}` : ''}${queues ? ` numtxqueues ${queues} numrxqueues ${queues}` : ''}${up ? ' up' : ''}`;
}

/**
 * A veth pair in one request, its peer born in another namespace. (Moving the peer there later, as `ip link set netns` does, waits for an RCU grace period.)
 * Names, MACs, MTUs and groups of both ends go along, and the up flag of the near one: the kernel sets the peer up before it knows its other
 * end, and refuses (ENOTCONN, veth_open).
 */
export function addVeth(options: VethOptions): Request {
  const { peer, queues } = options;
  const where = peer.namespace === undefined ? '' : ` netns fd ${namespaceFd(peer.namespace)}`;
  return addLink(options, 'veth', ` peer name ${peer.name}${describeOptions(peer)}${where}`, (writer) => {
    writer.nest(VETH_INFO_PEER, () => {
      writeHeader(writer, 0, undefined);
      writeLinkOptions(writer, queues === undefined ? peer : { ...peer, queues });
      if (peer.namespace !== undefined) writer.u32(IFLA.NET_NS_FD, namespaceFd(peer.namespace));
    });
  });
}

export function addVxlan(options: VxlanOptions): Request {
  const { id, port = 4789, local, underlay, learning = false } = options;
  const words = ` id ${id} dstport ${port}${local ? ` local ${local}` : ''}${underlay ? ` dev ${underlay}` : ''}${learning ? '' : ' nolearning'}`;
  return addLink(options, 'vxlan', words, (writer) => {
    writer.u32(VXLAN.ID, id);
    writer.be16(VXLAN.PORT, port);
    writer.u8(VXLAN.LEARNING, learning ? 1 : 0);
    if (underlay !== undefined) writer.u32(VXLAN.LINK, underlay);
    if (local !== undefined) {
      const bytes = parseAddress(local);
      writer.data(bytes.length === 4 ? VXLAN.LOCAL : VXLAN.LOCAL6, bytes);
    }
  });
}

export function addBridge(options: LinkOptions): Request {
  return addLink(options, 'bridge', '');
}

export function addDummy(options: LinkOptions): Request {
  return addLink(options, 'dummy', '');
}

/** `link` is a name or an index. */
export function setLink(link: string | number, change: LinkChange): Request {
  return {
    operation: `ip link set ${link}${describeChange(change)}`,
    type: RTM_NEWLINK,
    flags: 0,
    write(writer) {
      if (typeof link === 'string' && change.name !== undefined)
        throw new TypeError(`rename link ${link} by its index: the kernel finds a link by name or gives it one, not both`);
      writeHeader(writer, typeof link === 'number' ? link : 0, change.up);
      writeLinkOptions(writer, typeof link === 'string' ? { ...change, name: link } : change);
      if (change.master !== undefined) writer.u32(IFLA.MASTER, change.master);
      // Without a NUL, which would count as one of its bytes.
      if (change.alias !== undefined) writer.data(IFLA.IFALIAS, Buffer.from(change.alias));
      if (change.namespace !== undefined) writer.u32(IFLA.NET_NS_FD, namespaceFd(change.namespace));
      if (change.bridge !== undefined) writeBridge(writer, change.bridge);
      const { ipv4Conf, ipv6AddressGeneration } = change;
      if (!ipv4Conf && !ipv6AddressGeneration) return;
      writer.nest(IFLA.AF_SPEC, () => {
        if (ipv4Conf) {
          writer.nest(AF_INET, () =>
            writer.nest(IFLA_INET_CONF, () => {
              for (const [name, value] of Object.entries(ipv4Conf)) {
                if (value !== undefined) writer.u32(IPV4_CONF[name as keyof Ipv4Conf], value);
              }
            }),
          );
        }
        if (ipv6AddressGeneration) {
          writer.nest(AF_INET6, () => writer.u8(IFLA_INET6_ADDR_GEN_MODE, ADDRESS_GENERATION.indexOf(ipv6AddressGeneration)));
        }
      });
    },
  };
}

function writeBridge(writer: MessageWriter, { callIpv4Hooks, callIpv6Hooks }: BridgeConfiguration): void {
  writer.nest(IFLA.LINKINFO, () => {
    writer.string(IFLA_INFO_KIND, 'bridge');
    writer.nest(IFLA_INFO_DATA, () => {
      if (callIpv4Hooks !== undefined) writer.u8(BRIDGE.NF_CALL_IPTABLES, callIpv4Hooks ? 1 : 0);
      if (callIpv6Hooks !== undefined) writer.u8(BRIDGE.NF_CALL_IP6TABLES, callIpv6Hooks ? 1 : 0);
    });
  });
}

function describeChange(change: LinkChange): string {
  const words: string[] = [];
  for (const [key, value] of Object.entries(change)) {
    if (value === undefined) continue;
    if (key === 'up') words.push(value ? 'up' : 'down');
    else if (key === 'ipv4Conf') words.push(...Object.entries(value).map(([name, setting]) => `ipv4.${name} ${setting}`));
    else if (key === 'namespace') words.push(`netns fd ${namespaceFd(value as NamespaceHandle | number)}`);
    else if (key === 'bridge') words.push('type bridge', ...Object.entries(value).map(([name, setting]) => `${name} ${setting ? 1 : 0}`));
    else if (key === 'ipv6AddressGeneration') words.push(`addrgenmode ${value}`);
    else words.push(`${key === 'mac' ? 'address' : key} ${value}`);
  }
  return words.map((word) => ` ${word}`).join('');
}

/** Removes a link by name or index; a veth's peer goes with it. */
export function deleteLink(link: string | number): Request {
  return {
    operation: `ip link delete ${link}`,
    type: RTM_DELLINK,
    flags: 0,
    write(writer) {
      writeHeader(writer, typeof link === 'number' ? link : 0, undefined);
      if (typeof link === 'string') writer.string(IFLA.IFNAME, link);
    },
  };
}

/** Removes all links of a group, with one wait for all of them. */
export function deleteLinkGroup(group: number): Request {
  return {
    operation: `ip link delete group ${group}`,
    type: RTM_DELLINK,
    flags: 0,
    write(writer) {
      writeHeader(writer, 0, undefined);
      writer.u32(IFLA.GROUP, group);
    },
  };
}

export function getLink(link: string | number): Request {
  return {
    operation: `ip link show ${link}`,
    type: RTM_GETLINK,
    flags: 0,
    write(writer) {
      writeHeader(writer, typeof link === 'number' ? link : 0, undefined);
      if (typeof link === 'string') writer.string(IFLA.IFNAME, link);
      writer.u32(IFLA.EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    },
  };
}

export function dumpLinks(): Request {
  return {
    operation: 'ip link show',
    type: RTM_GETLINK,
    flags: 0,
    write(writer) {
      writeHeader(writer, 0, undefined);
      writer.u32(IFLA.EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    },
  };
}

/** Reads an RTM_NEWLINK or RTM_DELLINK message. */
export function decodeLink({ payload }: Message): Link {
  const attributes = decodeAttributes(payload, HEADER_LENGTH);
  const flags = payload.readUInt32LE(8);
  const link: Link = {
    index: payload.readInt32LE(4),
    name: decodeString(attributes.get(IFLA.IFNAME) ?? Buffer.alloc(0)),
    up: (flags & IFF_UP) !== 0,
    operationalState: OPERATIONAL_STATES[attributes.get(IFLA.OPERSTATE)?.[0] ?? 0] ?? 'unknown',
    mtu: attributes.get(IFLA.MTU)?.readUInt32LE(0) ?? 0,
    group: attributes.get(IFLA.GROUP)?.readUInt32LE(0) ?? 0,
  };
  const mac = attributes.get(IFLA.ADDRESS);
  if (mac?.length) link.mac = formatMac(mac);
  const alias = attributes.get(IFLA.IFALIAS);
  if (alias) link.alias = decodeString(alias);
  const master = attributes.get(IFLA.MASTER);
  if (master) link.master = master.readUInt32LE(0);
  const peer = attributes.get(IFLA.LINK)?.readUInt32LE(0);
  if (peer) link.peer = peer;
  const peerNamespaceId = attributes.get(IFLA.LINK_NETNSID);
  if (peerNamespaceId) link.peerNamespaceId = peerNamespaceId.readInt32LE(0);
  decodeLinkInfo(link, attributes.get(IFLA.LINKINFO));
  decodeFamilies(link, attributes.get(IFLA.AF_SPEC));
  return link;
}

function decodeLinkInfo(link: Link, value: Buffer | undefined): void {
  if (!value) return;
  const info = decodeAttributes(value);
  const kind = info.get(IFLA_INFO_KIND);
  if (kind) link.kind = decodeString(kind);
  const data = info.get(IFLA_INFO_DATA);
  if (link.kind === 'bridge' && data) link.bridge = decodeBridge(decodeAttributes(data));
  if (link.kind !== 'vxlan' || !data) return;
  const vxlan = decodeAttributes(data);
  const local = vxlan.get(VXLAN.LOCAL) ?? vxlan.get(VXLAN.LOCAL6);
  const underlay = vxlan.get(VXLAN.LINK)?.readUInt32LE(0);
  link.vxlan = {
    id: vxlan.get(VXLAN.ID)?.readUInt32LE(0) ?? 0,
    port: vxlan.get(VXLAN.PORT)?.readUInt16BE(0) ?? 0,
    learning: vxlan.get(VXLAN.LEARNING)?.[0] === 1,
    ...(local && { local: formatAddress(local) }),
    ...(underlay && { underlay }),
  };
}

/** Both are absent from a kernel that cannot do it. */
function decodeBridge(bridge: ReadonlyMap<number, Buffer>): BridgeConfiguration {
  const [ipv4, ipv6] = [bridge.get(BRIDGE.NF_CALL_IPTABLES), bridge.get(BRIDGE.NF_CALL_IP6TABLES)];
  return { ...(ipv4 && { callIpv4Hooks: ipv4[0] === 1 }), ...(ipv6 && { callIpv6Hooks: ipv6[0] === 1 }) };
}

function decodeFamilies(link: Link, value: Buffer | undefined): void {
  if (!value) return;
  for (const [family, settings] of attributeList(value)) {
    if (family === AF_INET) {
      // Read, the values come as one array, in the order of the enum, which begins at 1.
      const values = decodeAttributes(settings).get(IFLA_INET_CONF);
      if (!values) continue;
      link.ipv4Conf = Object.fromEntries(
        Object.entries(IPV4_CONF)
          .filter(([, place]) => place * 4 <= values.length)
          .map(([name, place]) => [name, values.readInt32LE((place - 1) * 4)]),
      );
    } else if (family === AF_INET6) {
      const generation = ADDRESS_GENERATION[decodeAttributes(settings).get(IFLA_INET6_ADDR_GEN_MODE)?.[0] ?? -1];
      if (generation) link.ipv6AddressGeneration = generation;
    }
  }
}
