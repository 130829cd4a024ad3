import { describeRoute } from '@weir/kernel';
import test from 'ava';
import { type FlannelState, flannelRoutes } from './flannel-routes.ts';
import { parseLease } from './lease.ts';
import type { FlannelBackend } from './network-config.ts';
import { parseFlannelNetwork } from './network-config.ts';
import { subnetFile } from './subnet-file.ts';

const lease = (name: string, address: string, last: string, backend = 'vxlan', vni = 1) =>
  parseLease(
    name,
    JSON.stringify({
      PublicIP: address,
      PublicIPv6: `2001:db8::${last}`,
      BackendType: backend,
      BackendData: { VNI: vni, VtepMAC: `02:00:00:00:04:0${last}` },
      BackendV6Data: { VNI: vni, VtepMAC: `02:00:00:00:06:0${last}` },
    }),
  );
const VXLAN: FlannelBackend = { type: 'vxlan', vni: 1, port: 8472, directRouting: false };
const STATE: FlannelState = {
  backend: VXLAN,
  own: lease('10.5.1.0-24&fc00:0:0:1::-64', '192.0.2.1', '1'),
  others: new Map([['10.5.2.0-24&fc00:0:0:2::-64', lease('10.5.2.0-24&fc00:0:0:2::-64', '192.0.2.2', '2')]]),
  links: { IPv4: 7, IPv6: 8 },
  subnets: ['192.0.2.0/24'],
};
const ways = (state: FlannelState) => [...flannelRoutes(state).routes.values()].map(describeRoute);

test("vxlan: flannel's route by the peer's first address, and the entries that say where that is", (t) => {
  t.deepEqual(ways(STATE).slice(2), [
    '10.5.2.0/24 via 10.5.2.0 dev 7 onlink proto 121',
    'fc00:0:0:2::/64 via fc00:0:0:2:: dev 8 onlink proto 121',
  ]);
  t.deepEqual(flannelRoutes(STATE).peers, {
    IPv4: [{ mac: '02:00:00:00:04:02', address: '192.0.2.2', gateways: new Set(['10.5.2.0']) }],
    IPv6: [{ mac: '02:00:00:00:06:02', address: '2001:db8::2', gateways: new Set(['fc00:0:0:2::']) }],
  });
  t.regex(ways(STATE)[0]!, /^blackhole 10\.5\.1\.0\/24/);
});

test('DirectRouting: without a tunnel to hosts of the same subnet; host-gw: to all', (t) => {
  const direct = { ...STATE, backend: { ...VXLAN, directRouting: true } };
  t.deepEqual(ways(direct).slice(2), ['10.5.2.0/24 via 192.0.2.2 proto 121', 'fc00:0:0:2::/64 via fc00:0:0:2:: dev 8 onlink proto 121']);
  t.deepEqual(flannelRoutes(direct).peers.IPv4, []);
  const plain = new Map([['10.5.2.0-24', lease('10.5.2.0-24', '198.51.100.2', '2', 'host-gw')]]);
  t.deepEqual(ways({ ...STATE, backend: { type: 'host-gw' }, others: plain, links: {} }).slice(2), [
    '10.5.2.0/24 via 198.51.100.2 proto 121',
  ]);
});

test('what does not fit is unreachable, and said; other hosts are as ever', (t) => {
  const others = new Map([
    ['10.5.2.0-24', lease('10.5.2.0-24', '192.0.2.2', '2', 'host-gw')],
    ['10.5.3.0-24', lease('10.5.3.0-24', '192.0.2.3', '3', 'vxlan', 9)],
    ['10.5.4.0-24', lease('10.5.4.0-24', '192.0.2.4', '4')],
  ]);
  const { routes } = flannelRoutes({ ...STATE, others });
  t.like(routes.get('10.5.2.0/24'), {
    type: 'unreachable',
    problem: `flannel's host 192.0.2.2: its lease 10.5.2.0-24 is of backend "host-gw", the network's is "vxlan"`,
  });
  t.like(routes.get('10.5.3.0/24'), {
    type: 'unreachable',
    problem: `flannel's host 192.0.2.3: its lease 10.5.3.0-24 is of VNI 9, the network's is 1`,
  });
  t.like(routes.get('10.5.4.0/24'), { type: 'unicast', via: '10.5.4.0' });
  const without = flannelRoutes({ ...STATE, links: {} });
  t.is(without.routes.get('10.5.2.0/24')!.type, 'unreachable');
  t.deepEqual(without.peers.IPv4, []);
});

test("the file for flannel's CNI plugin", (t) => {
  const network = parseFlannelNetwork('{"Network":"10.5.0.0/16","EnableIPv6":true,"IPv6Network":"fc00::/48","Backend":{"Type":"vxlan"}}');
  t.is(
    subnetFile(network, { IPv4: '10.5.1.0/24', IPv6: 'fc00:0:0:1::/64' }, 1450),
    'FLANNEL_NETWORK=10.5.0.0/16\nFLANNEL_SUBNET=10.5.1.1/24\nFLANNEL_IPV6_NETWORK=fc00::/48\nFLANNEL_IPV6_SUBNET=fc00:0:0:1::1/64\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n',
  );
});
