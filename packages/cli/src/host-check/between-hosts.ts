/** The network between the hosts, as far as it can be seen from this one: how large packets may be. */
import { existsSync } from 'node:fs';
import { readConfig } from '@weir/agent';
import { ObjectStore, openStore } from '@weir/datastore';
import { Netlink } from '@weir/kernel';
import type { Host, Pool } from '@weir/resources';
import { TUNNEL_OVERHEAD } from '@weir/routing';
import type { HostFolders } from '../host-install/host-folders.ts';
import { type Check, skipped, warning } from './check.ts';
import type { Networks } from './networks.ts';
import { measurePaths, pathChecks, peersOf, type Uplink } from './packet-sizes.ts';

/** What is wrong with configuration and store other checks say. */
export async function checkBetweenHosts({ agentConfig }: HostFolders, networks: Networks): Promise<Check[]> {
  const name = 'packets to hosts';
  const known = await readHosts(agentConfig).catch(() => undefined);
  if (known === undefined) return [skipped(name, 'the store does not say where the other hosts are')];
  const { self, others, pools, underlay } = known;
  const uplink = self && uplinkOf(self);
  if (self === undefined || uplink === undefined) return [skipped(name, 'this host is not in the store yet: its agent writes it')];
  const overhead = pools.some(({ spec }) => spec.vxlan !== 'Never') ? TUNNEL_OVERHEAD[underlay] : 0;
  const tooLarge = checkNetworkSizes(networks, uplink, overhead);
  if (process.geteuid?.() !== 0) return [...tooLarge, skipped(name, 'only root may send what shows it')];
  const peers = peersOf(
    self.spec.addresses,
    others.map(({ metadata, spec }) => ({ name: metadata.name, addresses: spec.addresses })),
  );
  return [...tooLarge, ...pathChecks(await measurePaths(peers, uplink), uplink, overhead)];
}

async function readHosts(
  agentConfig: string,
): Promise<{ self: Host | undefined; others: Host[]; pools: Pool[]; underlay: 'IPv4' | 'IPv6' } | undefined> {
  const { host, store: options, vxlan } = readConfig(agentConfig);
  if (options.backend === 'embedded' && !existsSync(options.path)) return undefined;
  const store = await openStore(options);
  try {
    const objects = new ObjectStore(store);
    const [hosts, pools] = [await objects.list('Host'), await objects.list('Pool')];
    const all = hosts.objects.map(({ object }) => object);
    return {
      self: all.find(({ metadata }) => metadata.name === host),
      others: all.filter(({ metadata }) => metadata.name !== host),
      pools: pools.objects.map(({ object }) => object),
      underlay: vxlan.underlay ?? 'IPv4',
    };
  } finally {
    await store.close();
  }
}

/** As the agent takes it: of several the one with the smallest MTU. */
function uplinkOf({ spec }: Host): Uplink | undefined {
  using netlink = Netlink.open();
  const links = netlink.addresses().flatMap(({ cidr, link }) => (spec.addresses.includes(cidr.slice(0, cidr.indexOf('/'))) ? [link] : []));
  const own = links.flatMap((index) => netlink.link(index) ?? []);
  const [smallest] = own.sort((left, right) => left.mtu - right.mtu);
  return smallest && { device: smallest.name, mtu: smallest.mtu };
}

/** Network files that say a size themselves, and a larger one than fits. */
export function checkNetworkSizes(networks: Networks, { device, mtu }: Uplink, overhead: number): Check[] {
  const fits = mtu - overhead;
  return [...networks].flatMap(([name, { path, config }]) => {
    const steps = [config, ...(Array.isArray(config.chain) ? (config.chain as Record<string, unknown>[]) : [])];
    const asked = steps.flatMap((step) => (step.type === 'weir-route' && typeof step.mtu === 'number' ? [step.mtu] : []));
    const largest = Math.max(...asked);
    if (asked.length === 0 || largest <= fits) return [];
    const through = overhead === 0 ? '' : ` less ${overhead} of the tunnels`;
    return [
      warning(
        `MTU of ${name}`,
        `its containers get ${largest}, and ${fits} fit between the hosts: the ${mtu} of ${device}${through}`,
        `take "mtu" out of ${path}, and they get what fits; or raise it on ${device} of all hosts, and in the network between`,
      ),
    ];
  });
}
