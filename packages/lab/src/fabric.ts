/** A fabric that speaks BGP: BIRD on the routers of `TWO_UPLINKS`, with the hosts on one side and the router behind on the other. */
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inNamespace } from '@weir/kernel';
import type { Cluster } from './cluster.ts';
import { endProcesses, type LabProcess } from './lab-process.ts';
import { hostLinks, OUTSIDE, type PlacedLink, routerLinks, TWO_UPLINKS } from './topology.ts';

const FAMILIES = ['ipv4', 'ipv6'] as const;
type Addresses = Record<(typeof FAMILIES)[number], string>;

const AS_NUMBERS = { 'tor-1': 65001, 'tor-2': 65002, outside: 65100 };

/** Of the hosts, as BgpConfig has it when it says nothing. */
const HOSTS_AS = 64512;

/** What a router takes the hosts for, and how it speaks with them. */
export interface TowardsHosts {
  /** By the host's name. */
  asNumberOf?: (host: string) => number;
  /** TCP port that it listens on. */
  port?: number;
  /** In BIRD's words: `password "opensesame"; ttl security on;`. */
  options?: string;
  /** Whether IPv4 routes go by its session over IPv6, with IPv6 next hops, and by no other. */
  extendedNextHop?: boolean;
}

/** A router of the lab, with BIRD in its namespace once it is configured. */
export class BgpRouter {
  readonly name: string;
  readonly asNumber: number;
  readonly namespace: string;
  /** On its links: the first is that to the hosts, where it has one. */
  readonly links: readonly Addresses[];
  readonly #cluster: Cluster;
  #bird: LabProcess | undefined;

  constructor(cluster: Cluster, name: keyof typeof AS_NUMBERS) {
    this.#cluster = cluster;
    this.name = name;
    this.asNumber = AS_NUMBERS[name];
    this.namespace = cluster.folder.namespacePath(name);
    this.links = routerLinks(TWO_UPLINKS, TWO_UPLINKS.routers!.find((router) => router.name === name)!).map(plain);
  }

  /** On its link to the hosts. */
  get addresses(): Addresses {
    return this.links[0]!;
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

  #file(suffix: string): string {
    return join(this.#cluster.folder.path, `${this.name}.${suffix}`);
  }
}

export interface Fabric {
  /** Either has a link to every host: `eth1` and `eth2` of these. */
  routers: [BgpRouter, BgpRouter];
  outside: BgpRouter;
  /** Has the routers tell everybody of everything. */
  speak(first?: TowardsHosts, second?: TowardsHosts): void;
}

/** Of a cluster with the topology `TWO_UPLINKS`. Nobody speaks yet. */
export function fabricOf(cluster: Cluster): Fabric {
  const routers: Fabric['routers'] = [new BgpRouter(cluster, 'tor-1'), new BgpRouter(cluster, 'tor-2')];
  const outside = new BgpRouter(cluster, 'outside');
  return {
    routers,
    outside,
    speak(...towards) {
      for (const [index, router] of routers.entries()) router.configure(routerConfig(router, index, towards[index] ?? {}));
      outside.configure(outsideConfig(routers));
    },
  };

  function routerConfig(router: BgpRouter, index: number, towards: TowardsHosts): string {
    const { asNumberOf = () => HOSTS_AS, extendedNextHop } = towards;
    const families = extendedNextHop ? (['ipv6'] as const) : FAMILIES;
    const toHosts = cluster.hosts.flatMap((host) => {
      const peers = plain(hostLinks(TWO_UPLINKS, host.index)[1 + index]!);
      return families.map((family) => session(`host_${host.index}`, family, router, peers[family], asNumberOf(host.name), towards));
    });
    const up = FAMILIES.map((family) => session('up', family, router, outside.links[index]![family], outside.asNumber));
    return [head(router.addresses.ipv4), ...toHosts, ...up].join('');
  }

  function outsideConfig(peers: readonly BgpRouter[]): string {
    return [
      head(OUTSIDE.ipv4, OUTSIDE),
      `protocol static { ipv4; route ${OUTSIDE.ipv4}/32 via "lo"; }\nprotocol static { ipv6; route ${OUTSIDE.ipv6}/128 via "lo"; }\n`,
      ...peers.flatMap(({ asNumber, name, links }) =>
        FAMILIES.map((family) => session(name.replace('-', '_'), family, outside, links[1]![family], asNumber)),
      ),
    ].join('');
  }
}

const plain = ({ addresses: { ipv4 = '', ipv6 = '' } }: PlacedLink): Addresses => ({
  ipv4: ipv4.split('/')[0]!,
  ipv6: ipv6.split('/')[0]!,
});

/**
 * A router that drops all that a host says, by its TTL, is left with a session in which no OPEN comes, and takes no other from this host until the
 * startup hold time is over, BIRD's 240 seconds.
 *
 * @param from addresses that the router itself sends from
 */
function head(routerId: string, from?: Addresses): string {
  const kernel = (family: keyof Addresses) =>
    `protocol kernel { merge paths on; ${family} { export filter { if source != RTS_BGP then reject; ${from === undefined ? '' : `krt_prefsrc = ${from[family]}; `}accept; }; }; }\n`;
  return `router id ${routerId};
log stderr all;
protocol device {}
protocol bfd {}
${FAMILIES.map(kernel).join('')}template bgp fast { hold time 9; startup hold time 3; graceful restart on; connect delay time 1; connect retry time 2; error wait time 1, 2; }
`;
}

function session(
  name: string,
  family: keyof Addresses,
  { asNumber }: BgpRouter,
  peer: string,
  peerAs: number,
  { port, options = '', extendedNextHop = false }: TowardsHosts = {},
): string {
  const local = `local ${port === undefined ? '' : `port ${port} `}as ${asNumber}`;
  const extended = extendedNextHop ? 'ipv4 { import all; export all; extended next hop on; };' : '';
  return `protocol bgp ${name}_${family} from fast { ${local}; neighbor ${peer} as ${peerAs}; direct; ${options} ${family} { import all; export all; }; ${extended} }\n`;
}
