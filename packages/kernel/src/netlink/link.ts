/** Links as the kernel tells of them. Pure. */
import { AF_INET, AF_INET6, formatAddress, formatMac } from './ip-address.ts';
import {
  ADDRESS_GENERATION,
  BRIDGE,
  HEADER_LENGTH,
  IFF_UP,
  IFLA,
  IFLA_INET_CONF,
  IFLA_INET6_ADDR_GEN_MODE,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IPV4_CONF,
  type Ipv4Conf,
  type Ipv6AddressGeneration,
  RTM_GETLINK,
  VXLAN,
  writeHeader,
} from './link-attribute.ts';
import { attributeList, decodeAttributes, decodeString, type Message, type Request } from './message.ts';

const OPERATIONAL_STATES = ['unknown', 'notpresent', 'down', 'lowerlayerdown', 'testing', 'dormant', 'up'] as const; // RFC 2863
const RTEXT_FILTER_SKIP_STATS = 8;

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
  /** Whether each port is in certain VLANs: within the bridge every frame has a tag then. */
  filtersVlans?: boolean;
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

/** Each is absent from a kernel that cannot do it. */
function decodeBridge(bridge: ReadonlyMap<number, Buffer>): BridgeConfiguration {
  const [ipv4, ipv6] = [bridge.get(BRIDGE.NF_CALL_IPTABLES), bridge.get(BRIDGE.NF_CALL_IP6TABLES)];
  const vlans = bridge.get(BRIDGE.VLAN_FILTERING);
  return {
    ...(ipv4 && { callIpv4Hooks: ipv4[0] === 1 }),
    ...(ipv6 && { callIpv6Hooks: ipv6[0] === 1 }),
    ...(vlans && { filtersVlans: vlans[0] === 1 }),
  };
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
