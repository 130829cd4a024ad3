/** What fits: containers have the MTU of the way that their packets take, tunnels follow the link that they go over, and what becomes too large finds out. */
import { execFileSync } from 'node:child_process';
import { inNamespace, Netlink } from '@weir/kernel';
import { TWO_RACKS } from '@weir/lab';
import test, { type ExecutionContext } from 'ava';
import { eventually } from '../testbed/eventually.ts';
import { type Family, MODES, poolsOf } from '../testbed/routing-matrix.ts';
import { Testbed, type Workload } from '../testbed/testbed.ts';

const FAMILIES: Family[] = ['ipv4', 'ipv6'];
const [JUMBO, SMALL, TINY] = [9000, 1400, 1300];
/** RFC 8200 §5. */
const IPV6_MINIMUM = 1280;
/** Of VXLAN over IPv4. */
const OVERHEAD = 50;
/** IP and ICMP. */
const HEADERS: Record<Family, number> = { ipv4: 28, ipv6: 48 };

const bed = Testbed.share(test, { topology: TWO_RACKS, manifests: poolsOf(FAMILIES, MODES.native!.spec) });

/** Of every link between the hosts, theirs last. */
function setMtu(mtu: number): void {
  using fabric = Netlink.open({ namespace: bed().cluster.folder.namespacePath('switch') });
  for (const { name, index } of fabric.links()) if (name !== 'lo') fabric.setLink(index, { mtu });
  for (const { namespace } of bed().hosts) {
    using host = Netlink.open({ namespace });
    host.setLink('eth0', { mtu });
  }
}

function mtuOf(namespace: string, link: string): number | undefined {
  using netlink = Netlink.open({ namespace });
  return netlink.link(link)?.mtu;
}

const ownMtu = ({ container }: Workload): number | undefined => mtuOf(container.namespace, 'eth0');

/** A pair of tasks. An agent sees within some tenths of a second what became of its links: until then tasks have the MTU of before. */
async function launchWith(mtu: number, hosts: readonly Workload['host'][], app: string): Promise<[Workload, Workload]> {
  const launch = () => Promise.all(hosts.map((host) => bed().launch(host, { app: `${app}-${host.name}` })));
  return (await eventually(launch, (pair) => pair.every((one) => ownMtu(one) === mtu))) as [Workload, Workload];
}

/** One packet of a size, which nobody may cut. */
function fits(from: Workload, to: Workload, family: Family, size: number): boolean {
  const command = ['-n', '-c1', '-W1', '-M', 'do', '-s', String(size - HEADERS[family]), to[family]];
  try {
    inNamespace(from.container.namespace, () => execFileSync('ping', command, { stdio: 'ignore' }));
    return true;
  } catch {
    return false;
  }
}

async function expectFits(t: ExecutionContext, [from, to]: [Workload, Workload], size: number): Promise<void> {
  for (const family of FAMILIES) {
    const fitting = await eventually(
      () => fits(from, to, family, size),
      (came) => came,
    );
    t.true(fitting, `${size} bytes, ${family}`);
    t.false(fits(from, to, family, size + 4), `${size + 4} bytes, ${family}`);
  }
}

test.serial('the link between the hosts, natively; less what a tunnel takes, where the pool wants tunnels', async (t) => {
  const [one, two, three] = bed().hosts as [Workload['host'], Workload['host'], Workload['host']];
  setMtu(JUMBO);
  const native = await launchWith(JUMBO, [one, two], 'native');
  t.deepEqual(native.map(ownMtu), [JUMBO, JUMBO]);
  await expectFits(t, native, JUMBO);
  await bed().apply(poolsOf(FAMILIES, MODES.crossSubnet!.spec));
  t.is(
    await eventually(
      () => mtuOf(one.namespace, 'vxlan.weir'),
      (mtu) => mtu === JUMBO - OVERHEAD,
    ),
    JUMBO - OVERHEAD,
  );
  const tunnelled = await launchWith(JUMBO - OVERHEAD, [one, three], 'tunnelled');
  t.deepEqual(tunnelled.map(ownMtu), [JUMBO - OVERHEAD, JUMBO - OVERHEAD]);
  await expectFits(t, tunnelled, JUMBO - OVERHEAD);
});

test.serial('a link between the hosts that carries less from now on: tunnels follow, and connections find out and go on', async (t) => {
  const [one, , three] = bed().hosts as [Workload['host'], Workload['host'], Workload['host']];
  const [near, far] = (await Promise.all([one, three].map((host) => bed().launch(host, { app: `large-${host.name}` })))) as [
    Workload,
    Workload,
  ];
  for (const family of FAMILIES) {
    const reached = await eventually(
      () => near.traffic.tcp({ address: far[family], port: 80 }),
      (came) => came,
    );
    t.true(reached, family);
    await near.traffic.stream(family, { address: far[family], port: 80, bytes: 50_000 });
  }
  setMtu(SMALL);
  t.is(
    await eventually(
      () => mtuOf(one.namespace, 'vxlan.weir'),
      (mtu) => mtu === SMALL - OVERHEAD,
    ),
    SMALL - OVERHEAD,
  );
  for (const family of FAMILIES) {
    const { answered } = await near.traffic.streamState(family);
    const state = await eventually(
      () => near.traffic.streamState(family),
      (seen) => seen.answered > answered + 5,
    );
    t.is(state.ended, undefined, family);
    t.true(state.answered > answered + 5, family);
  }
  const late = await bed().launch(one, { app: 'late' });
  t.is(mtuOf(late.container.namespace, 'eth0'), SMALL - OVERHEAD);
});

test.serial('a link between the hosts that carries less than IPv6 needs in a tunnel: packets of that size pass all the same', async (t) => {
  const [one, , three] = bed().hosts as [Workload['host'], Workload['host'], Workload['host']];
  setMtu(TINY);
  const pair = await launchWith(IPV6_MINIMUM, [one, three], 'tiny');
  t.is(mtuOf(one.namespace, 'vxlan.weir'), IPV6_MINIMUM);
  for (const family of FAMILIES) {
    const came = await eventually(
      () => fits(...pair, family, IPV6_MINIMUM),
      (fitting) => fitting,
    );
    t.true(came, family);
  }
});
