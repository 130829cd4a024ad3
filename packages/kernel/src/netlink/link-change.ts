/** Requests that change links and remove them. Pure. */
import type { NamespaceHandle } from '../namespace.ts';
import { AF_INET, AF_INET6 } from './ip-address.ts';
import type { BridgeConfiguration } from './link.ts';
import {
  ADDRESS_GENERATION,
  BRIDGE,
  IFLA,
  IFLA_INET_CONF,
  IFLA_INET6_ADDR_GEN_MODE,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IPV4_CONF,
  type Ipv4Conf,
  type Ipv6AddressGeneration,
  namespaceFd,
  RTM_DELLINK,
  RTM_NEWLINK,
  writeHeader,
} from './link-attribute.ts';
import { writeLinkOptions } from './link-creation.ts';
import type { MessageWriter, Request } from './message.ts';

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

function writeBridge(writer: MessageWriter, { callIpv4Hooks, callIpv6Hooks, filtersVlans }: BridgeConfiguration): void {
  writer.nest(IFLA.LINKINFO, () => {
    writer.string(IFLA_INFO_KIND, 'bridge');
    writer.nest(IFLA_INFO_DATA, () => {
      if (callIpv4Hooks !== undefined) writer.u8(BRIDGE.NF_CALL_IPTABLES, callIpv4Hooks ? 1 : 0);
      if (callIpv6Hooks !== undefined) writer.u8(BRIDGE.NF_CALL_IP6TABLES, callIpv6Hooks ? 1 : 0);
      if (filtersVlans !== undefined) writer.u8(BRIDGE.VLAN_FILTERING, filtersVlans ? 1 : 0);
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
