import { type Block, type Host, type Pool, parseObject } from '@weir/resources';
import test from 'ava';
import { type KernelRoute, type RouteObjects, type RouteRow, routeRows } from './route-rows.ts';

const object = <T>(kind: string, name: string, spec: object) => parseObject({ apiVersion: 'weir/v1', kind, metadata: { name }, spec }) as T;
const host = (name: string, last: number, more: object = {}) =>
  object<Host>('Host', name, { addresses: [`192.0.2.${last}`], subnets: ['192.0.2.0/24'], ...more });
const end = (last: number) => ({ address: `192.0.2.${last}`, mac: `02:00:00:00:00:0${last}`, port: 4789, vni: 4096, tunnelAddresses: [] });
const block = (cidr: string, owner: string, pool: string, allocations = {}) =>
  object<Block>('Block', cidr.replace('/', '-'), { cidr, host: owner, pool, allocations });

const OBJECTS: RouteObjects = {
  hosts: [host('a', 1, { vxlan: end(1) }), host('b', 2, { vxlan: end(2) }), host('c', 3)],
  pools: [
    object<Pool>('Pool', 'plain', { cidr: '10.64.0.0/16' }),
    object<Pool>('Pool', 'tunnels', { cidr: '10.65.0.0/16', vxlan: 'Always' }),
    object<Pool>('Pool', 'told', { cidr: '10.66.0.0/16', routes: 'Bgp' }),
  ],
  blocks: [
    block('10.64.0.0/26', 'a', 'plain'),
    block('10.64.0.64/26', 'b', 'plain', {
      '10.64.0.70': { containerId: 'x', interfaceName: 'eth0', network: 'n', host: 'c', sequence: 1 },
    }),
    block('10.65.0.0/26', 'b', 'tunnels'),
    block('10.66.0.0/26', 'b', 'told'),
  ],
};

const short = ({ destination, mode, host: owner, via, device, pool, kernel, note }: RouteRow) =>
  [destination, mode, owner, via, device, pool, kernel, note].map((value) => value ?? '-').join(' ');

const KERNEL: KernelRoute[] = [
  { destination: '10.64.0.0/26', type: 'blackhole', protocol: 121 },
  { destination: '10.64.0.5/32', type: 'unicast', device: 'weir1', protocol: 121 },
  { destination: '10.64.0.64/26', type: 'unicast', via: '192.0.2.2', device: 'eth0', protocol: 121 },
  { destination: '10.65.0.0/26', type: 'unicast', via: '192.0.2.2', device: 'eth0', protocol: 121 },
  { destination: '10.66.0.0/26', type: 'unicast', via: '192.0.2.2', device: 'eth0', protocol: 12 },
  { destination: '10.9.0.0/26', type: 'unicast', via: '192.0.2.9', device: 'eth0', protocol: 121 },
  { destination: '0.0.0.0/0', type: 'unicast', via: '192.0.2.254', device: 'eth0', protocol: 3 },
];

test('each mode, whose it is, and what the kernel has of it', (t) => {
  t.deepEqual(routeRows('a', OBJECTS, KERNEL).map(short), [
    '10.9.0.0/26 native - 192.0.2.9 eth0 - extra nothing calls for it',
    '10.64.0.0/26 local a - - plain yes -',
    '10.64.0.64/26 native b 192.0.2.2 eth0 plain yes -',
    '10.64.0.70/32 native c 192.0.2.3 - plain no the kernel does not have it',
    '10.65.0.0/26 vxlan b 192.0.2.2 vxlan.weir tunnels other the kernel has via 192.0.2.2 dev eth0',
    '10.66.0.0/26 bgp b 192.0.2.2 eth0 told yes -',
  ]);
});

test('of another host the store alone is asked; what holds a route up is said', (t) => {
  t.deepEqual(routeRows('c', OBJECTS, undefined).map(short), [
    '10.64.0.0/26 native a 192.0.2.1 - plain - -',
    '10.64.0.64/26 native b 192.0.2.2 - plain - -',
    '10.65.0.0/26 native b 192.0.2.2 - tunnels - this host has no end of a tunnel yet',
    '10.66.0.0/26 bgp b - - told - -',
  ]);
});

test('flannel: on a host with a flanneld none of its routes is expected to be Weir’s', (t) => {
  const blocks = [block('10.5.1.0/26', 'a', 'flannel'), block('10.5.2.0/26', 'b', 'flannel')];
  const objects = {
    hosts: [host('a', 1), host('b', 2)],
    pools: [object<Pool>('Pool', 'flannel', { cidr: '10.5.0.0/16', routes: 'Flannel' })],
    blocks,
  };
  const theirs = { destination: '10.5.2.0/24', type: 'unicast', via: '10.5.2.0', device: 'flannel.1', protocol: 3 };
  t.deepEqual(routeRows('a', objects, [theirs]), []);
  t.deepEqual(
    routeRows('a', objects, []).map(({ destination }) => destination),
    ['10.5.2.0/26'],
  );
});

test('flannel: leases of hosts that Weir knows, and of others as the kernel has them', (t) => {
  const lease = (number: number) => ({ flannel: { subnets: [`10.5.${number}.0/24`] } });
  const objects = {
    hosts: [host('a', 1, lease(1)), host('b', 2, lease(2))],
    pools: [object<Pool>('Pool', 'flannel', { cidr: '10.5.0.0/16', routes: 'Flannel' })],
    blocks: [block('10.5.1.0/26', 'a', 'flannel'), block('10.5.2.0/26', 'b', 'flannel')],
  };
  const kernel = [
    { destination: '10.5.1.0/24', type: 'blackhole', protocol: 121 },
    { destination: '10.5.2.0/24', type: 'unicast', via: '10.5.2.0', device: 'flannel.1', protocol: 121 },
    { destination: '10.5.3.0/24', type: 'unicast', via: '10.5.3.0', device: 'flannel.1', protocol: 121 },
  ];
  t.deepEqual(routeRows('a', objects, kernel).map(short), [
    '10.5.1.0/24 local a - - flannel yes -',
    '10.5.2.0/24 flannel b 10.5.2.0 flannel.1 flannel yes -',
    '10.5.3.0/24 flannel - 10.5.3.0 flannel.1 flannel yes -',
  ]);
});
