/** Routes and tunnels between hosts: every mode over every kind of network between them, and what breaks it from outside. */
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { inNamespace, Netlink, sysctl } from '@weir/kernel';
import { IPV6_ONLY, type LabHost, monotonicMs, TWO_RACKS } from '@weir/lab';
import test, { type ExecutionContext } from 'ava';
import { eventually } from './testbed/eventually.ts';
import { readReadiness } from './testbed/health.ts';
import { withoutVxlan } from './testbed/kernel-without-vxlan.ts';
import { Testbed, type Workload } from './testbed/testbed.ts';

const PORT = 80;
const TUNNEL = 'vxlan.weir';
const MODES = ['Never', 'Always', 'CrossSubnet'] as const;
type Mode = (typeof MODES)[number];

const pools = (vxlan: Mode, rest = ''): string => `
apiVersion: weir/v1
kind: Pool
metadata: { name: ipv4 }
spec: { cidr: 10.64.0.0/16, blockSize: 28, vxlan: ${vxlan}${rest} }
---
apiVersion: weir/v1
kind: Pool
metadata: { name: ipv6 }
spec: { cidr: "fd00:64::/112", blockSize: 124, vxlan: ${vxlan}${rest} }
`;

const racks = Testbed.share(test, { topology: TWO_RACKS, manifests: pools('Always'), agent: { presenceTtl: 2, hostDeadAfter: 1 } });
const six = Testbed.share(test, { topology: IPV6_ONLY, manifests: pools('Always') });

/** The racks' tasks: two hosts share a subnet, the third is behind the router. */
let near: Workload;
let neighbour: Workload;
let far: Workload;

test.serial.before(async () => {
  const bed = racks();
  [near, neighbour, far] = (await Promise.all(bed.hosts.map((host) => bed.launch(host, { app: host.name })))) as [
    Workload,
    Workload,
    Workload,
  ];
});

const reaches = (from: Workload, to: Workload, address: 'ipv4' | 'ipv6'): Promise<boolean> =>
  from.traffic.tcp({ address: to[address], port: PORT });

const reachesSoon = (from: Workload, to: Workload, address: 'ipv4' | 'ipv6', wanted = true): Promise<boolean> =>
  eventually(
    () => reaches(from, to, address),
    (reached) => reached === wanted,
  );

const ip = (host: LabHost, ...words: string[]): string =>
  inNamespace(host.namespace, () => execFileSync('ip', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }));

/** The interface by which a host reaches the task. */
const exitTo = (host: LabHost, address: string): string => / dev (\S+)/.exec(ip(host, 'route', 'get', address))?.[1] ?? 'none';

const neighboursOf = (netlink: Netlink, link: string): string[] =>
  netlink
    .neighbours({ link })
    .flatMap(({ address, mac, state }) => (state === 'permanent' ? [`${address} ${mac}`] : []))
    .sort();

function pings(namespace: string, address: string): boolean {
  try {
    inNamespace(namespace, () => execFileSync('ping', ['-n', '-c1', '-W1', address], { stdio: 'ignore' }));
    return true;
  } catch {
    return false;
  }
}

async function expectExits(t: ExecutionContext, expected: Record<'neighbour' | 'far', string>): Promise<void> {
  const [one] = racks().hosts as [LabHost];
  for (const address of ['ipv4', 'ipv6'] as const) {
    const seen = await eventually(
      () => ({ neighbour: exitTo(one, neighbour[address]), far: exitTo(one, far[address]) }),
      (exits) => exits.neighbour === expected.neighbour && exits.far === expected.far,
    );
    t.deepEqual(seen, expected, address);
  }
}

test.serial('Always: through tunnels to every host, in both families; the host itself too, and nothing larger than fits', async (t) => {
  const bed = racks();
  await expectExits(t, { neighbour: TUNNEL, far: TUNNEL });
  for (const address of ['ipv4', 'ipv6'] as const) {
    t.true(await reachesSoon(near, far, address), `near to far, ${address}`);
    t.true(await reachesSoon(far, neighbour, address), `far to neighbour, ${address}`);
    const fromHost = () => pings(bed.hosts[0]!.namespace, far[address]);
    t.true(await eventually(fromHost, (answered) => answered), `the host to a task behind the router, ${address}`);
  }
  using netlink = Netlink.open({ namespace: near.container.namespace });
  t.is(netlink.link('eth0')!.mtu, 1450);
  inNamespace(near.container.namespace, () => execFileSync('ping', ['-n', '-c1', '-W1', '-M', 'do', '-s', String(1450 - 28), far.ipv4]));
});

test.serial('a container makes no tunnel packets, and sends under no other address, of IP or of hardware', async (t) => {
  const [one, two] = racks().hosts as [LabHost, LabHost];
  t.false(await near.traffic.udp({ address: two.addresses.ipv4, port: 4789 }));
  await far.traffic.listen({ udp: [9000] });
  t.true(await near.traffic.udp({ address: far.ipv4, port: 9000 }));
  const heard = await far.traffic.heard();
  // Another task's address as the source, set on the container's own link.
  using inside = Netlink.open({ namespace: near.container.namespace });
  inside.addAddress('eth0', `${neighbour.ipv4}/32`);
  inside.addAddress('eth0', `${neighbour.ipv6}/128`, { noDad: true });
  t.false(await near.traffic.udp({ address: far.ipv4, port: 9000, source: neighbour.ipv4 }));
  t.false(await near.traffic.udp({ address: far.ipv6, port: 9000, source: neighbour.ipv6 }));
  t.deepEqual(await far.traffic.heard(), heard);
  inside.deleteAddress('eth0', `${neighbour.ipv4}/32`);
  inside.deleteAddress('eth0', `${neighbour.ipv6}/128`);

  const own = inside.link('eth0')!.mac!;
  inside.setLink('eth0', { mac: '02:00:00:00:00:01' });
  t.false(await reaches(near, far, 'ipv4'));
  inside.setLink('eth0', { mac: own });
  t.true(await reachesSoon(near, far, 'ipv4'));
  t.is(exitTo(one, near.ipv4), near.hostInterface);
});

test.serial('CrossSubnet and back: live flows go on while the mode of their pool changes', async (t) => {
  const bed = racks();
  await Promise.all([
    near.traffic.stream('to-neighbour', { address: neighbour.ipv4, port: PORT }),
    near.traffic.stream('to-far', { address: far.ipv6, port: PORT }),
  ]);
  for (const [mode, exits] of [
    ['CrossSubnet', { neighbour: 'eth0', far: TUNNEL }],
    ['Always', { neighbour: TUNNEL, far: TUNNEL }],
  ] as const) {
    await bed.apply(pools(mode));
    await expectExits(t, exits);
    for (const name of ['to-neighbour', 'to-far']) {
      const before = await near.traffic.streamState(name);
      const changed = monotonicMs();
      const state = await eventually(
        () => near.traffic.streamState(name),
        ({ answered }) => answered > before.answered + 3,
      );
      t.is(state.ended, undefined, `${name} after ${mode}`);
      t.true(state.answered > before.answered + 3);
      t.true(state.lastAnswerAt - changed < 3000);
    }
  }
});

test.serial('what somebody takes away or changes by hand is back within a second, and what is not ours stays', async (t) => {
  const [one] = racks().hosts as [LabHost];
  using netlink = Netlink.open({ namespace: one.namespace });
  ip(one, 'route', 'add', '10.99.0.0/16', 'via', '192.0.2.1');
  ip(one, '-6', 'route', 'add', 'fd00:99::/64', 'via', '2001:db8::1');
  const block = ip(one, 'route', 'show', 'proto', '121')
    .split('\n')
    .find((line) => line.includes(TUNNEL))!
    .split(' ')[0]!;
  const peer = netlink.forwarding(TUNNEL)[0]!;
  const gateway = netlink.neighbours({ link: TUNNEL }).find(({ state }) => state === 'permanent')!;
  const state = () => [
    ip(one, 'route', 'show', 'proto', '121')
      .trim()
      .split('\n')
      .map((line) => line.trim())
      .sort(),
    netlink
      .forwarding(TUNNEL)
      .map(({ mac, destination }) => `${mac} ${destination}`)
      .sort(),
    neighboursOf(netlink, TUNNEL),
    neighboursOf(netlink, near.hostInterface),
    netlink.addresses({ link: near.hostInterface }).map(({ cidr }) => cidr),
    netlink
      .routes({ protocol: 121, version: 6 })
      .map(({ destination, via }) => `${destination} ${via}`)
      .sort(),
    ['net/ipv4/ip_forward', 'net/ipv6/conf/all/forwarding'].map((name) => sysctl(name, undefined, { namespace: one.namespace })),
    netlink.addresses({ link: TUNNEL }).map(({ cidr }) => cidr),
    netlink.link(TUNNEL)?.mtu,
  ];
  const right = JSON.stringify(state());
  const [own4, own6] = netlink.addresses({ link: TUNNEL }).map(({ cidr }) => cidr) as [string, string];
  const damages: [string, () => void][] = [
    ['a route to a block', () => netlink.deleteRoute({ destination: block, protocol: 121 })],
    ['a route to a block, changed', () => netlink.replaceRoute({ destination: block, type: 'blackhole', protocol: 121 })],
    ["a container's own route", () => netlink.deleteRoute({ destination: `${near.ipv4}/32` })],
    ["a container's own route, IPv6", () => netlink.deleteRoute({ destination: `${near.ipv6}/128` })],
    ["a container's neighbour", () => netlink.deleteNeighbour({ link: near.hostInterface, address: near.ipv4 })],
    ["a container's neighbour, IPv6", () => netlink.deleteNeighbour({ link: near.hostInterface, address: near.ipv6 })],
    ['where a peer is', () => netlink.deleteForwarding({ ...peer, link: TUNNEL })],
    ['where a peer is, changed', () => netlink.addForwarding({ ...peer, link: TUNNEL, destination: '192.0.2.99' })],
    ['a next hop', () => netlink.deleteNeighbour({ link: TUNNEL, address: gateway.address })],
    ['forwarding', () => sysctl('net/ipv4/ip_forward', 0, { namespace: one.namespace })],
    ['forwarding, IPv6', () => sysctl('net/ipv6/conf/all/forwarding', 0, { namespace: one.namespace })],
    ["the host's address in the tunnels", () => netlink.deleteAddress(TUNNEL, own4)],
    ["the host's address in the tunnels, IPv6", () => netlink.deleteAddress(TUNNEL, own6)],
    ['how large a packet of the tunnels may be', () => netlink.setLink(TUNNEL, { mtu: 1300 })],
    ['the link of the tunnels, down', () => netlink.setLink(TUNNEL, { up: false })],
    ["the container's link, down", () => netlink.setLink(near.hostInterface, { up: false })],
  ];
  for (const [what, damage] of damages) {
    damage();
    const started = performance.now();
    t.is(
      await eventually(
        () => JSON.stringify(state()),
        (seen) => seen === right,
      ),
      right,
      what,
    );
    t.log(`${what}: ${Math.round(performance.now() - started)} ms`);
  }
  netlink.deleteLink(TUNNEL);
  const after = await eventually(
    () => netlink.link(TUNNEL)?.up === true && reaches(near, far, 'ipv4'),
    (back) => back === true,
  );
  t.true(after, 'the link of the tunnels, removed');
  t.regex(ip(one, 'route', 'show', '10.99.0.0/16'), /via 192\.0\.2\.1/);
  t.regex(ip(one, '-6', 'route', 'show', 'fd00:99::/64'), /via 2001:db8::1/);
  ip(one, 'route', 'del', '10.99.0.0/16');
  ip(one, '-6', 'route', 'del', 'fd00:99::/64');
  const log = readFileSync(racks().cluster.folder.logPath(`agent-${one.name}`), 'utf8');
  t.regex(log, /somebody changed this host's routes or links: repaired/);
  t.regex(log, /somebody switched forwarding off: repaired/);
});

test.serial('a partition: what is on this side goes on, and all heals', async (t) => {
  const [, , three] = racks().hosts as [LabHost, LabHost, LabHost];
  await near.traffic.stream('within', { address: neighbour.ipv4, port: PORT });
  using fabric = Netlink.open({ namespace: racks().cluster.folder.namespacePath('switch') });
  fabric.setLink(three.name, { up: false });
  t.false(await reaches(near, far, 'ipv4'));
  const before = await near.traffic.streamState('within');
  t.true(
    (
      await eventually(
        () => near.traffic.streamState('within'),
        ({ answered }) => answered > before.answered + 3,
      )
    ).answered >
      before.answered + 3,
  );
  fabric.setLink(three.name, { up: true });
  for (const address of ['ipv4', 'ipv6'] as const) t.true(await reachesSoon(near, far, address), address);
});

test.serial(
  'an agent that is started anew changes no route; one that stays away has its routes withdrawn, and they come back',
  async (t) => {
    const [one, , three] = racks().hosts as [LabHost, LabHost, LabHost];
    const routes = () => ip(one, 'route', 'show', 'proto', '121');
    const right = routes();
    await three.stopAgent('SIGKILL');
    await three.startAgent();
    await delay(500);
    t.is(routes(), right);
    await three.stopAgent('SIGKILL');
    const unreachable = await eventually(routes, (seen) => seen.includes('unreachable'));
    t.regex(unreachable, /unreachable 10\.64\./);
    t.true((await readReadiness(one)).reasons.some((reason) => reason.includes('host "host-3" gives no sign of life')));
    t.false(await reaches(near, far, 'ipv4'));
    await three.startAgent();
    t.is(await eventually(routes, (seen) => seen === right), right);
    t.true(await reachesSoon(near, far, 'ipv4'));
  },
);

test.serial(
  'natOutgoing: outside a task has the address of its host, to other tasks its own; Private: nobody outside begins',
  async (t) => {
    const bed = racks();
    const [, , three] = bed.hosts as [LabHost, LabHost, LabHost];
    await bed.apply(pools('Always', ', natOutgoing: true'));
    const outside = bed.cluster.folder.namespacePath('switch');
    for (const router of ['198.51.100.1', '2001:db8:2::1']) {
      const answered = await eventually(
        () => pings(near.container.namespace, router),
        (came) => came,
      );
      t.true(answered, `${router} answers, as it would no address of a pool`);
    }
    await far.traffic.listen({ udp: [9001] });
    for (const address of ['ipv4', 'ipv6'] as const) {
      t.true(await near.traffic.udp({ address: far[address], port: 9001 }));
      t.true((await far.traffic.heard()).includes(near[address]), `between pools nothing is translated, ${address}`);
    }

    // The fabric learns a way to the pool: Routed lets what comes in, Private does not.
    using router = Netlink.open({ namespace: outside });
    router.addRoute({ destination: '10.64.0.0/16', via: three.addresses.ipv4 });
    const fromOutside = () => pings(outside, far.ipv4);
    t.true(await eventually(fromOutside, (came) => came));
    await bed.apply(pools('Always', ', visibility: Private'));
    t.false(await eventually(fromOutside, (came) => !came));
    t.true(await reachesSoon(near, far, 'ipv4'));
    router.deleteRoute({ destination: '10.64.0.0/16' });
    await bed.apply(pools('Always'));
  },
);

test.serial(
  'a VNI that somebody else has: said in readiness, the host goes on without tunnels, and takes it when it is free',
  async (t) => {
    const bed = racks();
    const [one] = bed.hosts as [LabHost];
    using netlink = Netlink.open({ namespace: one.namespace });
    await one.stopAgent();
    netlink.deleteLink(TUNNEL);
    netlink.addVxlan({ name: 'foreign', id: 4096, port: 4789, local: one.addresses.ipv4, up: true });
    await one.startAgent();
    const { reasons } = await eventually(
      () => readReadiness(one),
      (seen) => seen.reasons.some((reason) => reason.includes('VNI')),
    );
    t.true(
      reasons.includes(
        'tunnels to other hosts: VNI 4096 on port 4789 is taken by interface foreign: set "vxlan" of agent.yaml, on all hosts',
      ),
    );
    t.is(exitTo(one, neighbour.ipv4), 'eth0');
    netlink.deleteLink('foreign');
    t.true(await reachesSoon(near, far, 'ipv4'));
  },
);

test.serial(
  'a kernel without VXLAN: said in status and readiness, everything else goes on, and there are tunnels once there is VXLAN',
  async (t) => {
    const bed = racks();
    const [one] = bed.hosts as [LabHost];
    using netlink = Netlink.open({ namespace: one.namespace });
    const file = join(bed.cluster.folder.path, 'without-vxlan');
    writeFileSync(file, '');
    await one.stopAgent();
    netlink.deleteLink(TUNNEL);
    await one.startAgent(withoutVxlan(file));
    const reason = 'tunnels to other hosts: the kernel has no VXLAN: load or build its module vxlan';
    const status = () => bed.mustWeir(['node', 'status', one.name]);
    t.true((await eventually(status, (text) => text.includes(reason))).includes(`${one.name}: ${reason}`));
    const readiness = await readReadiness(one);
    t.true(readiness.ready);
    t.true(readiness.reasons.includes(reason), readiness.reasons.join());

    // Of another pool than those with tunnels, and of these: whoever shares the host or its subnet is reached.
    const plain = '{ apiVersion: weir/v1, kind: Pool, metadata: { name: plain }, spec: { cidr: 10.66.0.0/24, blockSize: 28 } }\n';
    await bed.apply(plain);
    const [here, there] = await Promise.all(
      bed.hosts.slice(0, 2).map((host) => bed.launch(host, { app: `plain-${host.name}`, 'weir/pool': 'plain' })),
    );
    t.true(await reachesSoon(here!, there!, 'ipv4'));
    const fresh = await bed.launch(one, { app: 'fresh' });
    for (const address of ['ipv4', 'ipv6'] as const) {
      t.true(await reachesSoon(fresh, near, address), address);
      t.is(exitTo(one, neighbour[address]), 'eth0');
    }

    rmSync(file);
    // A module that is loaded tells nobody: the next look is within half a minute, or when any link changes.
    netlink.addBridge({ name: 'another', up: true });
    netlink.deleteLink('another');
    for (const address of ['ipv4', 'ipv6'] as const) t.true(await reachesSoon(fresh, far, address), address);
    t.deepEqual(
      (
        await eventually(
          () => readReadiness(one),
          ({ reasons }) => reasons.length === 0,
        )
      ).reasons,
      [],
    );
    await Promise.all([here!, there!, fresh].map((task) => bed.destroy(task)));
    // An address is given back when its link is gone, which DEL does not wait for.
    const { status: deleted, stderr } = await eventually(
      () => bed.weir(['delete', '-f', '-'], plain),
      (run) => run.status === 0,
    );
    t.is(deleted, 0, stderr);
    await one.stopAgent();
    await one.startAgent();
  },
);

test.serial('over IPv6 alone: both families of tasks, by tunnels, natively and by BGP', async (t) => {
  const bed = six();
  const tasks = await Promise.all(bed.hosts.map((host) => bed.launch(host, { app: host.name })));
  for (const to of tasks.slice(1)) {
    for (const address of ['ipv4', 'ipv6'] as const) t.true(await reachesSoon(tasks[0]!, to, address), `${to.name} ${address}`);
  }
  using netlink = Netlink.open({ namespace: tasks[0]!.container.namespace });
  t.is(netlink.link('eth0')!.mtu, 1430);

  // Natively, too: IPv4 has IPv6 next hops, which the agents set, and then BIRD.
  const [from, to] = tasks as [Workload, Workload];
  for (const [how, protocol] of [
    ['vxlan: Never', '121'],
    ['routes: Bgp', 'bird'],
  ] as const) {
    await bed.apply(pools('Never').replaceAll('vxlan: Never', how));
    for (const address of ['ipv4', 'ipv6'] as const) t.true(await reachesSoon(from, to, address), `${how} ${address}`);
    const block = to.ipv4.replace(/\d+$/, (last) => `${Number(last) & ~15}/28`);
    const route = await eventually(
      () => ip(from.host, 'route', 'show', block),
      (text) => text.includes(`proto ${protocol}`) && text.trim().split('\n').length === 1,
    );
    t.regex(route, new RegExp(`^${block} via inet6 (2001:db8::12|fe80::\\S+) dev eth0 proto ${protocol}`));
    t.true(await reachesSoon(from, to, 'ipv4'), how);
  }
});

test.serial('Never: hosts of a subnet reach each other; of the others it is said that the fabric does not lead there', async (t) => {
  const bed = racks();
  const [one] = bed.hosts as [LabHost];
  await bed.apply(pools('Never'));
  await expectExits(t, { neighbour: 'eth0', far: 'eth0' });
  t.true(await reachesSoon(near, neighbour, 'ipv4'));
  t.true(await reachesSoon(near, neighbour, 'ipv6'));
  t.false(await reaches(near, far, 'ipv4'));
  t.regex((await readReadiness(one)).reasons.join('\n'), /route to 10\.64\..*next hop is on none of this host's links/);
});
