/** How links stand in messages (linux/rtnetlink.h, linux/if_link.h). */
import type { NamespaceHandle } from '../namespace.ts';
import { AF_UNSPEC } from './ip-address.ts';
import type { MessageWriter } from './message.ts';

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const IFF_UP = 1;
export const HEADER_LENGTH = 16; // struct ifinfomsg: family u8, pad, type u16, index i32, flags u32, change u32

export const IFLA = {
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

export const IFLA_INFO_KIND = 1;
export const IFLA_INFO_DATA = 2;
export const IFLA_INET_CONF = 1;
export const IFLA_INET6_ADDR_GEN_MODE = 8;
export const VXLAN = { ID: 1, GROUP: 2, LINK: 3, LOCAL: 4, TTL: 5, LEARNING: 7, PORT: 15, GROUP6: 16, LOCAL6: 17 } as const;
export const BRIDGE = { VLAN_FILTERING: 7, NF_CALL_IPTABLES: 36, NF_CALL_IP6TABLES: 37 } as const;

/** Places in the kernel's per-link IPv4 configuration: enum of IPV4_DEVCONF_* in linux/ip.h. */
export const IPV4_CONF = {
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

export const ADDRESS_GENERATION = ['eui64', 'none', 'stable-privacy', 'random'] as const;

/** How a link gets its IPv6 link-local address when it comes up; `none` leaves it without. */
export type Ipv6AddressGeneration = (typeof ADDRESS_GENERATION)[number];

export const namespaceFd = (namespace: NamespaceHandle | number): number => (typeof namespace === 'number' ? namespace : namespace.fd);

export function writeHeader(writer: MessageWriter, index: number, up: boolean | undefined, family = AF_UNSPEC): void {
  writer.struct(HEADER_LENGTH, (view) => {
    view.writeUInt8(family, 0);
    view.writeInt32LE(index, 4);
    if (up === undefined) return;
    view.writeUInt32LE(up ? IFF_UP : 0, 8);
    view.writeUInt32LE(IFF_UP, 12);
  });
}
