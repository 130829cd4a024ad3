/** A fabric that speaks BGP: two top-of-rack routers, each with a link to every host, and somebody outside behind both of them. */
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createNamespace, inNamespace, Netlink, openNamespace, sysctl } from '@weir/kernel';
import type { Cluster } from './cluster.ts';
import { endProcesses, type LabProcess } from './lab-process.ts';

/** Of the hosts, as BgpConfig has it when it says nothing. */
const HOSTS_AS = 64512;

/** Somebody outside: addresses for documentation (RFC 5737, RFC 3849). */
export const OUTSIDE = { asNumber: 65100, ipv4: '203.0.113.100', ipv6: '2001:db8:f::100' };

/** A router of the lab, with BIRD in a network namespace of its own. */
export class LabRouter {
  readonly name: string;
  readonly asNumber: number;
  readonly namespace: string;
  /** On its link to the hosts. */
  readonly addresses: { ipv4: string; ipv6: string };
  /** The hosts' interface to it. */
  readonly hostLink: string;
  readonly #cluster: Cluster;
  #bird: LabProcess | undefined;

  constructor(cluster: Cluster, of: Pick<LabRouter, 'name' | 'asNumber' | 'addresses' | 'hostLink'>) {
    this.#cluster = cluster;
    this.name = of.name;
    this.asNumber = of.asNumber;
    this.addresses = of.addresses;
    this.hostLink = of.hostLink;
    this.namespace = cluster.folder.namespacePath(of.name);
  }

  /** Starts BIRD with a configuration, or gives it to the one that runs. */
  configure(text: string): void {
    const file = this.#file('conf');
    writeFileSync(file, text);
    if (this.#bird !== undefined) {
      this.birdc('configure');
      return;
    }
    const log = openSync(this.#cluster.folder.logPath(`bird-${this.name}`), 'a');
    const args = ['-f', '-c', file, '-s', this.#file('ctl'), '-P', this.#file('pid')];
    const child = inNamespace(this.namespace, () => spawn('bird', args, { stdio: ['ignore', log, log], detached: true }));
    closeSync(log);
    this.#bird = this.#cluster.folder.record(child.pid!, `BIRD of ${this.name}`);
    child.unref();
  }

  /** Ends BIRD, which takes its routes back. */
  async stop(): Promise<void> {
    if (this.#bird === undefined) return;
    await endProcesses([this.#bird]);
    this.#cluster.folder.forget(this.#bird.pid);
    this.#bird = undefined;
  }

  /** @returns what BIRD answers */
  birdc(...words: string[]): string {
    return execFileSync('birdc', ['-s', this.#file('ctl'), ...words], { encoding: 'utf8' });
  }

  /** Destinations that it knows of, with all attributes, as BIRD prints them. */
  routes(destination?: string): string {
    return this.birdc('show', 'route', 'all', ...(destination === undefined ? [] : ['where', `net = ${destination}`]));
  }

  /** Its end of the link to a host, with that of the host. */
  setLink(host: string, up: boolean): void {
    using netlink = Netlink.open({ namespace: this.namespace });
    netlink.setLink(host, { up });
  }

  #file(suffix: string): string {
    return join(this.#cluster.folder.path, `${this.name}.${suffix}`);
  }
}

export interface Fabric {
  routers: [LabRouter, LabRouter];
  outside: LabRouter;
}

const PREFIX_LENGTHS = { ipv4: 24, ipv6: 64 };

/** Adds it to a cluster: hosts get eth1 and eth2, by which they reach the routers. Nothing of it outlives the cluster. */
export function makeFabric(cluster: Cluster): Fabric {
  const routers = [1, 2].map(
    (index) =>
      new LabRouter(cluster, {
        name: `tor-${index}`,
        asNumber: 65000 + index,
        addresses: { ipv4: `198.18.${index}.1`, ipv6: `2001:db8:a${index}::1` },
        hostLink: `eth${index}`,
      }),
  ) as [LabRouter, LabRouter];
  const outside = new LabRouter(cluster, { name: 'outside', asNumber: OUTSIDE.asNumber, addresses: OUTSIDE, hostLink: 'none' });
  makeRouterNamespace(outside.namespace);
  {
    using netlink = Netlink.open({ namespace: outside.namespace });
    netlink.addAddress('lo', `${OUTSIDE.ipv4}/32`);
    netlink.addAddress('lo', `${OUTSIDE.ipv6}/128`, { noDad: true });
  }
  for (const [position, router] of routers.entries()) {
    makeRouterNamespace(router.namespace);
    joinHosts(router, cluster);
    joinOutside(router, outside, position + 1);
  }
  return { routers, outside };
}

function makeRouterNamespace(namespace: string): void {
  createNamespace(namespace);
  using netlink = Netlink.open({ namespace });
  netlink.setLink('lo', { up: true });
  sysctl('net/ipv4/ip_forward', 1, { namespace });
  // Flows of one pair of addresses take different ways, as in a fabric.
  for (const version of ['ipv4', 'ipv6']) sysctl(`net/${version}/fib_multipath_hash_policy`, 1, { namespace });
  sysctl('net/ipv6/conf/all/forwarding', 1, { namespace });
}

/** By a bridge, as a router has one for the ports of a rack. */
function joinHosts(router: LabRouter, { hosts }: Cluster): void {
  using netlink = Netlink.open({ namespace: router.namespace });
  netlink.addBridge({ name: 'rack', up: true });
  for (const family of ['ipv4', 'ipv6'] as const)
    netlink.addAddress('rack', `${router.addresses[family]}/${PREFIX_LENGTHS[family]}`, family === 'ipv6' ? { noDad: true } : {});
  for (const host of hosts) {
    using target = openNamespace(host.namespace);
    netlink.addVeth({ name: host.name, up: true, peer: { name: router.hostLink, namespace: target } });
    netlink.setLink(host.name, { master: 'rack' });
    using hostSide = Netlink.open({ namespace: target });
    hostSide.setLink(router.hostLink, { up: true });
    const addresses = hostAddressesAt(router, host.index);
    hostSide.addAddress(router.hostLink, `${addresses.ipv4}/${PREFIX_LENGTHS.ipv4}`);
    hostSide.addAddress(router.hostLink, `${addresses.ipv6}/${PREFIX_LENGTHS.ipv6}`, { noDad: true });
  }
}

/** A host's addresses on its link to a router. @param index of the host, from 1 */
export function hostAddressesAt({ addresses }: LabRouter, index: number): { ipv4: string; ipv6: string } {
  return { ipv4: addresses.ipv4.replace(/1$/, String(10 + index)), ipv6: addresses.ipv6.replace(/1$/, String(10 + index)) };
}

const outsideLink = (index: number) => ({
  router: { ipv4: `198.19.${index}.1`, ipv6: `2001:db8:e${index}::1` },
  outside: { ipv4: `198.19.${index}.2`, ipv6: `2001:db8:e${index}::2` },
});

function joinOutside(router: LabRouter, outside: LabRouter, index: number): void {
  using netlink = Netlink.open({ namespace: router.namespace });
  using target = openNamespace(outside.namespace);
  using outsideSide = Netlink.open({ namespace: target });
  netlink.addVeth({ name: 'up', up: true, peer: { name: router.name, namespace: target } });
  outsideSide.setLink(router.name, { up: true });
  const ends = outsideLink(index);
  for (const family of ['ipv4', 'ipv6'] as const) {
    const noDad = family === 'ipv6' ? { noDad: true } : {};
    netlink.addAddress('up', `${ends.router[family]}/${PREFIX_LENGTHS[family]}`, noDad);
    outsideSide.addAddress(router.name, `${ends.outside[family]}/${PREFIX_LENGTHS[family]}`, noDad);
  }
}

/** @param from addresses that the router itself sends from */
const common = (from?: typeof OUTSIDE): string => `log stderr all;
protocol device {}
protocol kernel { merge paths on; ipv4 { export filter { if source != RTS_BGP then reject; ${from === undefined ? '' : `krt_prefsrc = ${from.ipv4}; `}accept; }; }; }
protocol kernel { merge paths on; ipv6 { export filter { if source != RTS_BGP then reject; ${from === undefined ? '' : `krt_prefsrc = ${from.ipv6}; `}accept; }; }; }
template bgp fast { hold time 9; graceful restart on; connect delay time 1; connect retry time 2; error wait time 1, 2; }
`;

const session = (name: string, family: 'ipv4' | 'ipv6', own: number, peer: string, peerAs: number, options = ''): string =>
  `protocol bgp ${name}_${family} from fast { local as ${own}; neighbor ${peer} as ${peerAs}; direct; ${options} ${family} { import all; export all; }; }\n`;

/**
 * A router that tells everybody of everything.
 *
 * @param options.password of its sessions with the hosts
 * @param options.hostsAs what it takes the hosts' AS for
 */
export function routerConfig(
  router: LabRouter,
  { hosts }: Cluster,
  { password, hostsAs = HOSTS_AS }: { password?: string; hostsAs?: number } = {},
): string {
  const index = router.asNumber - 65000;
  const options = password === undefined ? '' : `password "${password}";`;
  const families = ['ipv4', 'ipv6'] as const;
  return [
    `router id ${router.addresses.ipv4};\n${common()}`,
    ...hosts.flatMap((host) =>
      families.map((family) =>
        session(`host_${host.index}`, family, router.asNumber, hostAddressesAt(router, host.index)[family], hostsAs, options),
      ),
    ),
    ...families.map((family) => session('up', family, router.asNumber, outsideLink(index).outside[family], OUTSIDE.asNumber)),
  ].join('');
}

/** Tells both routers of its own addresses. */
export function outsideConfig({ routers }: Fabric): string {
  return [
    `router id ${OUTSIDE.ipv4};\n${common(OUTSIDE)}`,
    `protocol static { ipv4; route ${OUTSIDE.ipv4}/32 via "lo"; }\nprotocol static { ipv6; route ${OUTSIDE.ipv6}/128 via "lo"; }\n`,
    ...routers.flatMap(({ asNumber, name }, position) =>
      (['ipv4', 'ipv6'] as const).map((family) =>
        session(name.replace('-', '_'), family, OUTSIDE.asNumber, outsideLink(position + 1).router[family], asNumber),
      ),
    ),
  ].join('');
}
