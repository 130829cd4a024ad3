import { spawnSync } from 'node:child_process';
import { inNamespace, Netlink } from '@weir/kernel';
import test, { type ExecutionContext } from 'ava';
import { LabFolder } from './lab-folder.ts';
import { makeHostNetwork, makeTopology } from './switch-network.ts';
import {
  DUAL_HOMED,
  hostLink,
  hostLinks,
  IPV6_ONLY,
  ISOLATED_HOST,
  outsideLink,
  routerLinks,
  type Topology,
  TWO_RACKS,
} from './topology.ts';

type Reaches = (from: number | string, to: number | string, family?: 'ipv4' | 'ipv6') => boolean;

/** @returns whether a host, or what has a name, gets an answer from a host's first address, or from any address */
function make(t: ExecutionContext, topology: Topology): Reaches {
  return makeIn(t, topology).reaches;
}

function makeIn(t: ExecutionContext, topology: Topology): { folder: LabFolder; reaches: Reaches } {
  const folder = LabFolder.create(`test-${process.pid}-${Math.random().toString(36).slice(2, 8)}`);
  t.teardown(() => folder.remove());
  const switchNamespace = folder.namespacePath('switch');
  makeTopology(folder, topology);
  const names = topology.hosts.map((_, index) => `host-${index + 1}`);
  for (const [index, name] of names.entries())
    makeHostNetwork({ namespace: folder.namespacePath(name), switchNamespace, name, index: index + 1, topology });
  const reaches: Reaches = (from, to, family = 'ipv4') => {
    const address = typeof to === 'string' ? to : hostLink(topology, to).addresses[family]!.split('/')[0]!;
    // Asked again for a while, as IPv6 takes a moment to find out that nobody else has a link's address.
    const ping = () => spawnSync('ping', ['-n', '-q', '-c1', '-i0.2', '-w3', address]).status === 0;
    return inNamespace(folder.namespacePath(typeof from === 'string' ? from : names[from - 1]!), ping);
  };
  return { folder, reaches };
}

test('a router joins two racks, in both families', (t) => {
  const reaches = make(t, TWO_RACKS);
  for (const family of ['ipv4', 'ipv6'] as const) for (const to of [2, 3]) t.true(reaches(1, to, family), `host ${to} by ${family}`);
});

test('nobody reaches the isolated host', (t) => {
  const reaches = make(t, ISOLATED_HOST);
  t.true(reaches(1, 2));
  t.false(reaches(1, 3));
});

test('IPv6 alone: there is no other address', (t) => {
  const reaches = make(t, IPV6_ONLY);
  t.true(reaches(1, 3, 'ipv6'));
  t.is(hostLink(IPV6_ONLY, 1).addresses.ipv4, undefined);
});

test('frames get lost between two hosts of a lossy subnet', (t) => {
  const [rack] = TWO_RACKS.subnets;
  const reaches = make(t, { subnets: [{ ...rack!, lossPercent: 100 }], hosts: ['rack-1', 'rack-1'] });
  t.false(reaches(1, 2));
  t.true(reaches(1, '192.0.2.1'), 'the router is no host');
});

test('a host with a link to either of two routers reaches what is behind them by the first, and by the other when that link is down', (t) => {
  const { folder, reaches } = makeIn(t, DUAL_HOMED);
  const plain = ({ addresses }: { addresses: { ipv4?: string; ipv6?: string } }, family: 'ipv4' | 'ipv6') =>
    addresses[family]!.split('/')[0]!;
  const outside = outsideLink(DUAL_HOMED, 1);
  for (const family of ['ipv4', 'ipv6'] as const) {
    t.true(reaches(1, plain(outside, family), family), `by the first, ${family}`);
    t.true(reaches('outside-1', plain(hostLinks(DUAL_HOMED, 1)[0]!, family), family), `from there, ${family}`);
    for (const router of DUAL_HOMED.routers!)
      t.true(reaches(1, plain(routerLinks(DUAL_HOMED, router)[0]!, family), family), `${router.name}, ${family}`);
  }
  using host = Netlink.open({ namespace: folder.namespacePath('host-1') });
  using behind = Netlink.open({ namespace: folder.namespacePath('outside-1') });
  host.setLink('eth0', { up: false });
  behind.addRoute({ destination: DUAL_HOMED.subnets[1]!.ipv4!, via: '203.0.113.2' });
  t.true(reaches(1, plain(outside, 'ipv4')));
});

test('a host of a subnet that is not there', (t) => {
  t.throws(() => hostLink({ subnets: [], hosts: ['rack-9'] }, 1), { message: /rack-9, which the topology has not/ });
});
