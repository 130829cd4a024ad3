/** A container that lies about who it is: forged packets and forged words between neighbours reach nobody, and change nobody's mind. */
import { setTimeout as delay } from 'node:timers/promises';
import { Netlink, sysctl } from '@weir/kernel';
import { PacketSocket } from '@weir/kernel/testing';
import { flat, type LabHost } from '@weir/lab';
import test from 'ava';
import { eventually } from './testbed/eventually.ts';
import { frameOf, numberOf, type PacketFields, packetOf, tooBigFrame, tunnelledFrame } from './testbed/frame.ts';
import { arpFrame, neighbourAdvertisement, neighbourSolicitation, routerAdvertisement } from './testbed/neighbour-frame.ts';
import { Testbed, type Workload } from './testbed/testbed.ts';
import { Traffic } from './testbed/traffic.ts';

/** By tunnels between the hosts, and under their addresses to all others. */
const POOLS = `
apiVersion: weir/v1
kind: Pool
metadata: { name: ipv4 }
spec: { cidr: 10.64.0.0/16, blockSize: 28, vxlan: Always, natOutgoing: true }
---
apiVersion: weir/v1
kind: Pool
metadata: { name: ipv6 }
spec: { cidr: "fd00:64::/112", blockSize: 124 }
`;
const VXLAN = { port: 4789, vni: 4096 };

const bed = Testbed.share(test, { topology: { ...flat(2), outside: ['rack-1'] }, manifests: POOLS });

const UDP = 17;
const DISCARD = 9;
/** Well over the time that a packet takes. */
const SILENCE_MS = 300;
const STRANGE_MAC = '02:00:00:00:66:66';

let thief: Workload;
let victim: Workload;
let far: Workload;
let sender: PacketSocket;
/** Everything that comes by or leaves: at the other containers, and at the hosts' links to each other. */
let ears: Record<string, PacketSocket>;
let macs: { from: string; to: string };

test.serial.before(async (t) => {
  t.timeout(60_000);
  const [one, two] = bed().hosts as [LabHost, LabHost];
  [thief, victim, far] = await Promise.all([
    bed().launch(one, { app: 'thief' }),
    bed().launch(one, { app: 'victim' }),
    bed().launch(two, { app: 'far' }),
  ]);
  // The frames have no sums over their payloads, and are not to be dropped for that.
  for (const { namespace } of [one, two]) sysctl('net/netfilter/nf_conntrack_checksum', 0, { namespace });
  sender = PacketSocket.open(thief.container.namespace, 'eth0');
  ears = {
    victim: PacketSocket.open(victim.container.namespace, 'eth0'),
    far: PacketSocket.open(far.container.namespace, 'eth0'),
    [one.name]: PacketSocket.open(one.namespace, 'eth0'),
    [two.name]: PacketSocket.open(two.namespace, 'eth0'),
  };
  using inside = Netlink.open({ namespace: thief.container.namespace });
  const gateway = inside.neighbours({ link: 'eth0' }).find(({ mac }) => mac !== undefined)!;
  macs = { from: inside.link('eth0')!.mac!, to: gateway.mac! };
  for (const task of [victim, far]) t.true(await reachesSoon(thief, task));
});

test.after.always(() => {
  for (const socket of [sender, ...Object.values(ears ?? {})]) socket?.close();
});

const reachesSoon = (from: Workload, to: Workload): Promise<boolean> =>
  eventually(
    async () => (await from.traffic.tcp({ address: to.ipv4, port: 80 })) && from.traffic.tcp({ address: to.ipv6, port: 80 }),
    (reached) => reached,
  );

let lastNumber = 0;

/** Sends frames that are made with a number each, as the thief or from another socket. @returns who heard which of them, by its name */
async function heardOf(frames: Record<string, (number: number) => Buffer>, from = sender): Promise<Record<string, string[]>> {
  for (const ear of Object.values(ears)) for (const _ of ear.received());
  const names = new Map<number, string>();
  for (const [name, make] of Object.entries(frames)) {
    names.set(++lastNumber, name);
    from.send(make(lastNumber));
  }
  await delay(SILENCE_MS);
  const heard: Record<string, string[]> = {};
  for (const [who, ear] of Object.entries(ears)) {
    for (const frame of ear.received()) {
      const name = names.get(numberOf(frame) ?? 0);
      if (name !== undefined) heard[name] = [...new Set([...(heard[name] ?? []), who])].sort();
    }
  }
  return heard;
}

const udp = (source: string, destination: string): PacketFields => ({
  source,
  destination,
  protocol: UDP,
  sourcePort: 4000,
  destinationPort: DISCARD,
});

test.serial('packets under its own addresses are heard, so that silence means something', async (t) => {
  const frames = (['ipv4', 'ipv6'] as const).flatMap((family) =>
    [victim, far].map((to): [string, (number: number) => Buffer] => [
      `${to.name} ${family}`,
      (number) => frameOf(udp(thief[family], to[family]), number, macs),
    ]),
  );
  const heard = await heardOf(Object.fromEntries(frames));
  for (const family of ['ipv4', 'ipv6']) {
    t.deepEqual(heard[`victim ${family}`], ['victim']);
    t.deepEqual(heard[`far ${family}`], ['far', 'host-1', 'host-2']);
  }
});

test.serial('under the address of another, of a host, of nobody, or from another hardware address: nobody hears of it', async (t) => {
  const [one, two] = bed().hosts as [LabHost, LabHost];
  const sources = {
    ipv4: [victim.ipv4, far.ipv4, one.addresses.ipv4, two.addresses.ipv4, '10.64.99.99', '8.8.8.8', '127.0.0.1', '0.0.0.0', '169.254.1.1'],
    ipv6: [
      victim.ipv6,
      far.ipv6,
      one.addresses.ipv6,
      two.addresses.ipv6,
      'fd00:64::99',
      '2001:db8:9::9',
      '::1',
      '::',
      'fe80::1',
      'fe80::99',
    ],
  };
  const frames: Record<string, (number: number) => Buffer> = {};
  for (const family of ['ipv4', 'ipv6'] as const) {
    for (const to of [victim.name, far.name, one.name, two.name]) {
      const destination = { [victim.name]: victim, [far.name]: far, [one.name]: one.addresses, [two.name]: two.addresses }[to]![family];
      for (const source of sources[family]) frames[`${source} to ${to}`] = (number) => frameOf(udp(source, destination), number, macs);
      frames[`another hardware address to ${to}, ${family}`] = (number) =>
        frameOf(udp(thief[family], destination), number, { ...macs, from: STRANGE_MAC });
      // IEEE 802.1Q: the priority tag, of no VLAN, after both addresses.
      frames[`tagged, as the victim, to ${to}, ${family}`] = (number) => {
        const frame = frameOf(udp(victim[family], destination), number, macs);
        return Buffer.concat([frame.subarray(0, 12), Buffer.from([0x81, 0x00, 0, 0]), frame.subarray(12)]);
      };
    }
  }
  const hosts = await Promise.all(
    bed().hosts.map(async ({ name, namespace }) => {
      const traffic = new Traffic(name, namespace);
      await traffic.listen({ udp: [DISCARD] });
      return traffic;
    }),
  );
  t.teardown(() => Promise.all(hosts.map((traffic) => traffic.close())));
  t.deepEqual(await heardOf(frames), {});
  t.deepEqual(await Promise.all(hosts.map((traffic) => traffic.heard())), [[], []]);
  await heardOf({ true: (number) => frameOf(udp(thief.ipv4, one.addresses.ipv4), number, macs) });
  t.deepEqual(await hosts[0]!.heard(), [thief.ipv4], 'what is true is heard');
});

test.serial('forged ARP, neighbour and router advertisements change nothing at the host, and no other container hears them', async (t) => {
  const [one] = bed().hosts as [LabHost];
  using netlink = Netlink.open({ namespace: one.namespace });
  using inside = Netlink.open({ namespace: victim.container.namespace });
  // When its kernel looks for routers again, the host learns the victim's own link-local address, which is true.
  const { mac: own } = inside.link('eth0')!;
  const mind = () => ({
    victims: netlink
      .neighbours({ link: victim.hostInterface })
      .filter(({ address, mac }) => !(address.startsWith('fe80:') && mac === own))
      .map(({ address, mac }) => `${address} ${mac}`)
      .sort(),
    ofThief: netlink
      .neighbours({ link: thief.hostInterface })
      .flatMap(({ address, mac }) => (mac === undefined ? [] : [`${address} ${mac}`]))
      .sort(),
    fabric: netlink.neighbours({ link: 'eth0' }).filter(({ mac }) => mac === macs.from).length,
    routes: netlink
      .routes({ version: 6 })
      .map(({ destination, via, link }) => `${destination} ${via} ${link}`)
      .sort(),
    addresses: netlink
      .addresses()
      .map(({ cidr }) => cidr)
      .sort(),
    gateways: inside
      .neighbours({ link: 'eth0' })
      .map(({ address, mac }) => `${address} ${mac}`)
      .sort(),
  });
  const before = mind();
  for (const ear of Object.values(ears)) for (const _ of ear.received());
  const from = macs.from;
  const source = 'fe80::99';
  for (const address of [victim.ipv4, far.ipv4, one.addresses.ipv4, '169.254.1.1']) {
    sender.send(arpFrame({ mac: from, address }));
    sender.send(arpFrame({ mac: from, address, to: macs.to }));
    sender.send(arpFrame({ mac: from, address, asks: one.addresses.ipv4 }));
    sender.send(arpFrame({ mac: from, address, asks: victim.ipv4 }));
  }
  for (const address of [victim.ipv6, far.ipv6, one.addresses.ipv6, 'fe80::1'])
    sender.send(neighbourAdvertisement({ mac: from, source, address }));
  for (const router of [source, 'fe80::1']) sender.send(routerAdvertisement({ mac: from, source: router, prefix: '2001:db8:bad::' }));
  await delay(SILENCE_MS);
  t.deepEqual(mind(), before);
  const heard = Object.entries(ears).flatMap(([who, ear]) =>
    [...ear.received()].filter((frame) => frame.includes(Buffer.from(from.replaceAll(':', ''), 'hex'))).map(() => who),
  );
  t.deepEqual(heard, []);
  t.true(await reachesSoon(victim, far));
  t.true(await reachesSoon(far, victim));
  t.true(await reachesSoon(thief, far), 'what is true of the thief is heard as ever');
});

const ONLY_FAR = `
apiVersion: weir/v1
kind: Policy
metadata: { name: only-far, namespace: default }
spec:
  selector: app in {'victim', 'far'}
  types: [Ingress, Egress]
  ingress: [{ action: Allow, source: { selector: "app in {'victim', 'far'}" } }]
  egress: [{ action: Allow, destination: { selector: "app in {'victim', 'far'}" } }]
`;

test.serial('an error about a flow that is none of its own is a packet like others; one end of a flow tells the other', async (t) => {
  await bed().apply(ONLY_FAR);
  t.teardown(() => bed().delete(ONLY_FAR));
  const families = ['ipv4', 'ipv6'] as const;
  const ports = await Promise.all(families.map((family) => victim.traffic.datagrams({ address: far[family], port: 80 })));
  const about = (index: number, number: number) => {
    const family = families[index]!;
    const flow = { source: victim[family], destination: far[family], protocol: UDP, sourcePort: ports[index]!, destinationPort: 80 };
    return packetOf(flow, number);
  };
  const sources = await eventually(
    () => far.traffic.heard(),
    (heard) => families.every((family) => heard.includes(victim[family])),
  );
  for (const family of families) t.true(sources.includes(victim[family]), `there is a flow over ${family}`);
  await eventually(
    () => thief.traffic.udp({ address: victim.ipv4, port: 80, timeoutMs: 100 }),
    (passes) => !passes,
  );
  const heard = await heardOf(
    Object.fromEntries(
      families.map((family, index): [string, (number: number) => Buffer] => [
        family,
        (number) => tooBigFrame({ source: thief[family], destination: victim[family], about: about(index, number), mtu: 1280 }, macs),
      ]),
    ),
  );
  t.deepEqual(heard, {});
  for (const family of families) {
    t.is(await far.traffic.refusal('udp', { address: victim[family], port: 5 }), 'ECONNREFUSED', 'of its own flow it tells');
  }
});

test.serial('who is on the network between the hosts is no container of them', async (t) => {
  const namespace = bed().cluster.folder.namespacePath('outside-1');
  const outside = PacketSocket.open(namespace, 'eth0');
  t.teardown(() => outside.close());
  using inside = Netlink.open({ namespace });
  using netlink = Netlink.open({ namespace: bed().hosts[0]!.namespace });
  const underlay = { from: inside.link('eth0')!.mac!, to: netlink.link('eth0')!.mac! };
  const frames = (['ipv4', 'ipv6'] as const).map((family): [string, (number: number) => Buffer] => [
    family,
    (number) => frameOf(udp(thief[family], victim[family]), number, underlay),
  ]);
  const heard = await heardOf(Object.fromEntries(frames), outside);
  t.deepEqual(
    Object.values(heard)
      .flat()
      .filter((who) => who !== bed().hosts[0]!.name),
    [],
  );
});

test.serial('a container makes no tunnel, also to an address of a host that nobody was told of', async (t) => {
  const [, two] = bed().hosts as [LabHost, LabHost];
  using netlink = Netlink.open({ namespace: two.namespace });
  const unknown = '192.0.2.77';
  netlink.addAddress('eth0', `${unknown}/24`);
  const to = netlink.links().find(({ name }) => name === 'vxlan.weir')!.mac!;
  const inner = (number: number) => frameOf(udp(victim.ipv4, far.ipv4), number, { from: STRANGE_MAC, to });
  const frames = [unknown, two.addresses.ipv4].map((destination): [string, (number: number) => Buffer] => [
    destination,
    (number) => tunnelledFrame({ source: thief.ipv4, destination, ...VXLAN, inner: inner(number) }, macs),
  ]);
  t.deepEqual(await heardOf(Object.fromEntries(frames)), {});
  const heard = await heardOf({ plain: (number) => frameOf(udp(thief.ipv4, unknown), number, macs) });
  t.deepEqual(heard, { plain: ['host-1', 'host-2'] }, 'it is reached, under the address of the host');
});

const INTO_A_TUNNEL = (backend: string) => `
apiVersion: weir/v1
kind: Service
metadata: { name: into-a-tunnel, namespace: default }
spec:
  backends: ['${backend}']
  ports: [{ protocol: UDP, port: ${VXLAN.port}, hostPort: 30789 }, { protocol: UDP, port: ${DISCARD}, hostPort: 30009 }]
`;

test.serial('a service leads nobody into a tunnel, under the address of the host that leads there', async (t) => {
  const [one, two] = bed().hosts as [LabHost, LabHost];
  const service = INTO_A_TUNNEL(two.addresses.ipv4);
  await bed().apply(service);
  t.teardown(() => bed().delete(service));
  const namespace = bed().cluster.folder.namespacePath('outside-1');
  const outside = PacketSocket.open(namespace, 'eth0');
  t.teardown(() => outside.close());
  using inside = Netlink.open({ namespace });
  using first = Netlink.open({ namespace: one.namespace });
  using second = Netlink.open({ namespace: two.namespace });
  const underlay = { from: inside.link('eth0')!.mac!, to: first.link('eth0')!.mac! };
  const ends = { source: '192.0.2.101', destination: one.addresses.ipv4 };
  const plain = { plain: (number: number) => frameOf({ ...udp(ends.source, ends.destination), destinationPort: 30009 }, number, underlay) };
  const led = await eventually(
    () => heardOf(plain, outside),
    ({ plain = [] }) => plain.includes(two.name),
  );
  t.deepEqual(led, { plain: [one.name, two.name] });
  const to = second.links().find(({ name }) => name === 'vxlan.weir')!.mac!;
  const heard = await heardOf(
    {
      tunnelled: (number) => {
        const inner = frameOf(udp(victim.ipv4, far.ipv4), number, { from: STRANGE_MAC, to });
        return tunnelledFrame({ ...ends, port: 30789, vni: VXLAN.vni, inner }, underlay);
      },
    },
    outside,
  );
  t.deepEqual(heard, { tunnelled: [one.name] });
});

test.serial('a container that gives itself ever more names fills no table of its host', async (t) => {
  const [one] = bed().hosts as [LabHost];
  using netlink = Netlink.open({ namespace: one.namespace });
  for (let index = 1; index <= 200; index++) {
    sender.send(neighbourSolicitation({ mac: macs.from, source: `fe80::66:${index.toString(16)}`, asks: 'fe80::1' }));
  }
  const known = () => netlink.neighbours({ link: thief.hostInterface }).filter(({ address }) => address.startsWith('fe80::66:')).length;
  t.true(await eventually(async () => known() > 0, Boolean), 'some are heard');
  await delay(SILENCE_MS);
  t.true(known() < 50, `${known()} of 200 are neighbours`);
});
