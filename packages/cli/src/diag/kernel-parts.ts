/** What this host's kernel says of its network. */
import { readdirSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { Netlink, Nftables } from '@weir/kernel';
import type { Part } from './part.ts';

/** Directories of /proc/sys/net whose whole content is asked for, and single parameters. */
const PARAMETERS = [
  'ipv4/ip_forward',
  'ipv4/conf/all',
  'ipv4/conf/default',
  'ipv6/conf/all',
  'ipv6/conf/default',
  'bridge',
  'netfilter/nf_conntrack_count',
  'netfilter/nf_conntrack_max',
  'netfilter/nf_conntrack_buckets',
  'core/somaxconn',
];

const WEIR_TABLES = ['inet weir', 'bridge weir'];

export function kernelParts(): Part[] {
  return [
    { file: 'kernel/links.json', what: 'interfaces', read: () => fromNetlink((netlink) => netlink.links()) },
    { file: 'kernel/addresses.json', what: 'their addresses', read: () => fromNetlink((netlink) => netlink.addresses()) },
    { file: 'kernel/routes.json', what: 'routes of all tables', read: () => fromNetlink((netlink) => netlink.routes()) },
    { file: 'kernel/rules.json', what: 'routing rules', read: () => fromNetlink((netlink) => netlink.rules()) },
    { file: 'kernel/neighbours.json', what: 'neighbours, and where tunnels end', read: () => fromNetlink(neighbours) },
    { file: 'kernel/nftables.txt', what: "Weir's tables, inet weir and bridge weir", read: async () => nftables() },
    { file: 'kernel/sysctls.txt', what: 'kernel parameters of forwarding, bridges and connections', read: async () => parameters() },
    {
      file: 'kernel/modules.txt',
      what: 'kernel release and modules',
      read: async () => `${release()}\n\n${modules()}`,
    },
  ];
}

async function fromNetlink(ask: (netlink: Netlink) => unknown): Promise<string> {
  using netlink = Netlink.open();
  return `${JSON.stringify(ask(netlink), null, 1)}\n`;
}

function neighbours(netlink: Netlink): object {
  const tunnels = netlink.links().filter(({ kind }) => kind === 'vxlan');
  return {
    neighbours: netlink.neighbours(),
    forwarding: Object.fromEntries(tunnels.map(({ name, index }) => [name, netlink.forwarding(index)])),
  };
}

function nftables(): string {
  using nft = Nftables.open();
  return WEIR_TABLES.map((table) => nft.text(table) ?? `there is no table ${table}\n`).join('\n');
}

function parameters(): string {
  return PARAMETERS.flatMap((name) => {
    try {
      return isFolder(name) ? readdirSync(`/proc/sys/net/${name}`).map((entry) => line(`${name}/${entry}`)) : [line(name)];
    } catch {
      return [`net/${name}: not there\n`];
    }
  }).join('');
}

/** A kernel without loadable modules has no list of them. */
function modules(): string {
  try {
    return readFileSync('/proc/modules', 'utf8');
  } catch (error) {
    return `${(error as Error).message}\n`;
  }
}

function isFolder(name: string): boolean {
  return !/\/(ip_forward|nf_conntrack_\w+|somaxconn)$/.test(name);
}

function line(name: string): string {
  try {
    return `net/${name} = ${readFileSync(`/proc/sys/net/${name}`, 'utf8').trimEnd()}\n`;
  } catch (error) {
    // Some may only be written.
    return `net/${name}: ${(error as Error).message}\n`;
  }
}
