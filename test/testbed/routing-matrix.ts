/**
 * Who reaches whom over a topology in each mode of a pool: every pair of containers, hosts to containers and containers to hosts, by real
 * packets of both families; then with a host's link down, and up again.
 */
import { Netlink } from '@weir/kernel';
import { hostLinks, type LabHost, type Topology } from '@weir/lab';
import type { TestFn } from 'ava';
import { expectFlows, hostPlace, type Passage, type Place } from './flows.ts';
import { Testbed, type Workload } from './testbed.ts';
import { Traffic } from './traffic.ts';

/** Where two hosts are to each other. */
export type Distance = 'same host' | 'same subnet' | 'behind a router' | 'apart';

export interface RoutingMode {
  /** What pools say of it, in both families. */
  spec: string;
  /** How far its packets get from container to container. */
  reaches: readonly Distance[];
}

/** One row a mode. */
export const MODES: Record<string, RoutingMode> = {
  native: { spec: 'vxlan: Never', reaches: ['same host', 'same subnet'] },
  VXLAN: { spec: 'vxlan: Always', reaches: ['same host', 'same subnet', 'behind a router'] },
  crossSubnet: { spec: 'vxlan: CrossSubnet', reaches: ['same host', 'same subnet', 'behind a router'] },
  /** By the mesh of the hosts alone: the router between speaks no BGP. */
  BGP: { spec: 'routes: Bgp', reaches: ['same host', 'same subnet'] },
};

/** The modes in which the agents make the routes. */
export const BLOCK_MODES = Object.keys(MODES).filter((mode) => mode !== 'BGP');

export type Family = 'ipv4' | 'ipv6';

const CIDRS: Record<Family, string> = { ipv4: 'cidr: 10.64.0.0/16, blockSize: 28', ipv6: 'cidr: "fd00:64::/112", blockSize: 124' };
const HOST_PORT = 8079;

export const poolsOf = (families: readonly Family[], spec: string): string =>
  families
    .map((family) => `apiVersion: weir/v1\nkind: Pool\nmetadata: { name: ${family} }\nspec: { ${CIDRS[family]}, ${spec} }\n`)
    .join('---\n');

export interface MatrixOptions {
  topology: Topology;
  /** Of the containers. */
  families?: readonly Family[];
  /** Of all modes, those that say something here. */
  modes?: readonly (keyof typeof MODES)[];
}

/** Registers the tests of one topology: a lab for all modes, each applied to the same running containers. */
export function testMatrix(
  test: TestFn,
  { topology, families = ['ipv4', 'ipv6'], modes = Object.keys(MODES) }: MatrixOptions,
): () => Testbed {
  const spec = (mode: string) => `${MODES[mode]!.spec}, natOutgoing: true`;
  const shared = Testbed.share(test, { topology, manifests: poolsOf(families, spec(modes[0]!)) });
  const places: Record<string, Place> = {};
  const hostTraffic: Traffic[] = [];

  test.serial.before('tasks on every host, two on the first', async (t) => {
    t.timeout(60_000);
    const bed = shared();
    const launch = async (host: LabHost, name: string) => {
      places[name] = await bed.launch(host, { app: name });
    };
    await Promise.all([...bed.hosts.map((host) => launch(host, `task-${host.index}`)), launch(bed.hosts[0]!, 'task-1b')]);
    for (const host of bed.hosts) {
      const traffic = new Traffic(host.name, host.namespace);
      hostTraffic.push(traffic);
      await traffic.listen({ tcp: [HOST_PORT] });
      places[host.name] = hostPlace(host, traffic);
    }
  });
  test.after.always('ends what the hosts send', () => Promise.all(hostTraffic.map((traffic) => traffic.close())));

  for (const mode of modes) {
    test.serial(`${mode}: every pair of containers, hosts and containers both ways`, async (t) => {
      await shared().apply(poolsOf(families, spec(mode)));
      await expectFlows(t, places, expected(mode));
    });

    test.serial(`${mode}: a host's link is down, and up again`, async (t) => {
      const bed = shared();
      const cut = bed.hosts.at(-1)!;
      using fabric = Netlink.open({ namespace: bed.cluster.folder.namespacePath('switch') });
      fabric.setLink(cut.name, { up: false });
      try {
        await expectFlows(t, places, expected(mode, cut));
      } finally {
        fabric.setLink(cut.name, { up: true });
      }
      await expectFlows(t, places, expected(mode));
    });
  }

  return shared;

  function expected(mode: string, cut?: LabHost): Record<string, Passage> {
    const flows = Object.keys(places).flatMap((from) =>
      Object.keys(places)
        .filter((to) => to !== from && (from.startsWith('task') || to.startsWith('task')))
        .map((to) => [from, to] as const),
    );
    return Object.fromEntries(
      flows.map(([from, to]) => [`${from} > ${to} tcp/${to.startsWith('task') ? 80 : HOST_PORT}`, passage(mode, [from, to], cut)]),
    );
  }

  function passage(mode: string, [from, to]: readonly [string, string], cut: LabHost | undefined): Passage {
    const [here, there] = [hostOf(from), hostOf(to)];
    if (cut !== undefined && here !== there && (here === cut || there === cut)) return false;
    const far = distance(topology, here.index, there.index);
    // Hosts reach each other by the network between them, and under its host's address a container does too.
    const reached = to.startsWith('host') ? far !== 'apart' : MODES[mode]!.reaches.includes(far);
    return reached && overFamilies(places[from]!, places[to]!);
  }

  function hostOf(place: string): LabHost {
    return (places[place] as Workload).host ?? shared().hosts.find(({ name }) => name === place)!;
  }
}

/** A family that one end lacks carries nothing. */
function overFamilies(from: Place, to: Place): Passage {
  const has = (family: Family) => from[family] !== '' && to[family] !== '';
  if (has('ipv4') && has('ipv6')) return true;
  if (!has('ipv4') && !has('ipv6')) return false;
  return has('ipv4') ? 'IPv4 only' : 'IPv6 only';
}

/** By the first link of each, whose addresses the hosts have in the store. */
function distance(topology: Topology, from: number, to: number): Distance {
  const subnetOf = (index: number) => hostLinks(topology, index)[0]!.subnet;
  if (from === to) return 'same host';
  if (subnetOf(from) === subnetOf(to)) return 'same subnet';
  return subnetOf(from).routed && subnetOf(to).routed ? 'behind a router' : 'apart';
}
