import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { sysctl } from '@weir/kernel';
import test from 'ava';
import { makeNamespace } from '../testing/namespaces.ts';
import { TUNNEL_LINK } from './tunnel.ts';
import { ensureTunnelDevice, removeTunnelDevice, type TunnelDevice } from './tunnel-device.ts';
import { TunnelPeers } from './tunnel-peers.ts';

const END: TunnelDevice = {
  name: TUNNEL_LINK,
  setting: '"vxlan" of agent.yaml, on all hosts',
  address: '192.0.2.1',
  mac: '02:00:00:00:00:01',
  port: 4789,
  vni: 4096,
  tunnelAddresses: ['10.0.0.9', 'fd00::9'],
  mtu: 1450,
};

test('made once, mended where something of it was changed, made anew for another network, removed', (t) => {
  const { netlink, ip } = makeNamespace(t, 'host');
  t.deepEqual(ensureTunnelDevice(netlink, END).done, ['made', 'address 10.0.0.9/32 set', 'address fd00::9/128 set']);
  t.deepEqual(ensureTunnelDevice(netlink, END).done, []);
  t.like(netlink.link(TUNNEL_LINK), {
    up: true,
    mtu: 1450,
    mac: END.mac,
    vxlan: { id: 4096, port: 4789, local: '192.0.2.1', learning: false },
  });

  ip(`link set ${TUNNEL_LINK} mtu 1300`);
  ip(`address add 10.0.0.8/32 dev ${TUNNEL_LINK}`);
  t.deepEqual(ensureTunnelDevice(netlink, END).done, ['mtu set to 1450', 'address 10.0.0.8/32 removed']);
  ip(`link set ${TUNNEL_LINK} address 02:00:00:00:00:99`);
  t.is(ensureTunnelDevice(netlink, END).done[0], 'made anew');
  t.is(ensureTunnelDevice(netlink, { ...END, vni: 7 }).done[0], 'made anew');
  t.is(netlink.link(TUNNEL_LINK)!.vxlan!.id, 7);
  t.true(removeTunnelDevice(netlink, TUNNEL_LINK));
  t.false(removeTunnelDevice(netlink, TUNNEL_LINK));
});

test('what comes by another way than answers go is let in, whatever the host does elsewhere', (t) => {
  const host = makeNamespace(t, 'host');
  for (const [all, own] of [
    [0, 0],
    [1, 2],
    [2, 0],
  ] as const) {
    host.run(() => {
      sysctl('net/ipv4/conf/all/rp_filter', all);
      ensureTunnelDevice(host.netlink, END);
    });
    t.is(host.netlink.link(TUNNEL_LINK)!.ipv4Conf?.rpFilter, own, `net.ipv4.conf.all.rp_filter=${all}`);
  }
});

test('over IPv6', (t) => {
  const { netlink } = makeNamespace(t, 'host');
  ensureTunnelDevice(netlink, { ...END, address: '2001:db8::1' });
  t.is(netlink.link(TUNNEL_LINK)!.vxlan!.local, '2001:db8::1');
});

test('what is in the way is told, and left as it is', (t) => {
  const { netlink, ip } = makeNamespace(t, 'host');
  ip('link add flannel.1 type vxlan id 4096 dstport 4789 local 192.0.2.1 nolearning');
  ip('link set flannel.1 up');
  t.throws(() => ensureTunnelDevice(netlink, END), { code: 'ETUNNEL', message: /VNI 4096 on port 4789 is taken by interface flannel\.1/ });
  ip('link del flannel.1');
  ip(`link add ${TUNNEL_LINK} type bridge`);
  t.throws(() => ensureTunnelDevice(netlink, END), { code: 'ETUNNEL', message: /an interface vxlan\.weir is there that is no VXLAN link/ });
  t.false(removeTunnelDevice(netlink, TUNNEL_LINK));
  t.is(netlink.link(TUNNEL_LINK)!.kind, 'bridge');
});

test('a port that a program has is told', async (t) => {
  const { netlink, run } = makeNamespace(t, 'host');
  const program = `require('node:dgram').createSocket('udp4').bind(${END.port}, () => console.log('bound'))`;
  const child = run(() => spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] }));
  t.teardown(() => child.kill());
  await once(child.stdout, 'data');
  t.throws(() => ensureTunnelDevice(netlink, END), { code: 'ETUNNEL', message: /UDP port 4789 is in use on this host/ });
});

test('peers by difference: what others changed is put right, and what is not wanted any more goes', (t) => {
  const { netlink, ip } = makeNamespace(t, 'host');
  const { link } = ensureTunnelDevice(netlink, END);
  const peer = (index: number) => ({
    mac: `02:00:00:00:00:1${index}`,
    address: `192.0.2.1${index}`,
    gateways: new Set([`192.0.2.1${index}`, `fe80::1${index}`]),
  });
  const peers = new TunnelPeers(netlink);
  t.is(peers.add(link, [peer(1), peer(2)]).length, 6);
  t.deepEqual(peers.add(link, [peer(1), peer(2)]), []);
  t.deepEqual(
    netlink
      .forwarding(link)
      .map(({ mac, destination }) => `${mac} ${destination}`)
      .sort(),
    ['02:00:00:00:00:11 192.0.2.11', '02:00:00:00:00:12 192.0.2.12'],
  );
  ip(`neighbour replace 192.0.2.11 lladdr 02:00:00:00:00:99 dev ${TUNNEL_LINK} nud permanent`);
  ip(`neighbour del fe80::12 dev ${TUNNEL_LINK}`);
  peers.forgetActual();
  t.deepEqual(peers.add(link, [peer(1), peer(2)]), ['neighbour 192.0.2.11 02:00:00:00:00:11', 'neighbour fe80::12 02:00:00:00:00:12']);

  // A peer that moved is changed in place; one that went is removed, also when somebody was faster.
  const moved = { ...peer(1), address: '192.0.2.21' };
  t.deepEqual(peers.add(link, [moved]), ['forwarding of 02:00:00:00:00:11 02:00:00:00:00:11']);
  ip(`neighbour del 192.0.2.12 dev ${TUNNEL_LINK}`);
  t.is(peers.removeSurplus().length, 3);
  t.deepEqual(netlink.forwarding(link), [{ link, mac: moved.mac, destination: '192.0.2.21' }]);
  t.deepEqual(peers.removeSurplus(), []);
});
