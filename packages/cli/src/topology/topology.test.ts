import { type Block, type Host, type Pool, parseObject } from '@weir/resources';
import test from 'ava';
import { cardLines, layoutOf } from './layout.ts';
import { topologySvg } from './svg.ts';
import { type TopologyObjects, topologyOf } from './topology.ts';
import { topologyTree } from './tree.ts';

const object = <T>(kind: string, name: string, spec: object) => parseObject({ apiVersion: 'weir/v1', kind, metadata: { name }, spec }) as T;
const end = (address: string) => ({ address, mac: '02:00:00:00:00:01', port: 4789, vni: 4096 });
const host = (name: string, address: string, subnets: string[], more: object = {}) =>
  object<Host>('Host', name, { addresses: [address], subnets, vxlan: end(address), ...more });
const block = (cidr: string, owner: string, pool: string, allocations = {}) =>
  object<Block>('Block', cidr.replace('/', '-'), { cidr, host: owner, pool, allocations });
const given = (on: string) => ({ containerId: 'x', interfaceName: 'eth0', network: 'n', host: on });
const session = (state: string) => ({ peer: 'tor', address: '192.0.2.1', asNumber: 65001, state, routes: { in: 0, out: 0 } });
const agent = (more: object = {}) => ({ version: '1', since: '', problems: [], ...more });

const OBJECTS: TopologyObjects = {
  hosts: [
    host('h10', '198.51.100.9', ['198.51.100.0/24']),
    host('h2', '192.0.2.12', ['192.0.2.0/24', '10.0.0.0/24']),
    host('h1', '192.0.2.11', ['192.0.2.0/24']),
    host('h9', '10.0.0.9', ['10.0.0.0/24'], { vxlan: undefined }),
  ],
  pools: [
    object<Pool>('Pool', 'near', { cidr: '10.64.0.0/16' }),
    object<Pool>('Pool', 'far', { cidr: '10.65.0.0/16', vxlan: 'CrossSubnet' }),
  ],
  blocks: [
    block('10.64.0.64/26', 'h1', 'near'),
    block('10.64.0.0/26', 'h1', 'near', { '10.64.0.1': given('h1'), '10.64.0.2': given('h2') }),
    block('10.65.0.0/26', 'h10', 'far'),
  ],
  endpoints: [],
  agents: new Map([
    ['h1', agent({ bgp: [session('Established')] })],
    ['h2', agent({ bgp: [session('Active'), { ...session('Established'), peer: 'mesh', address: '192.0.2.11' }] })],
    ['h9', agent({ problems: ['route to <x> & "y"'] })],
  ]),
};

test('hosts stand together that share a subnet, by way of others too; state, blocks and sessions are theirs', (t) => {
  const { racks, routers } = topologyOf(OBJECTS);
  t.deepEqual(
    racks.map(({ subnets, hosts }) => [subnets, hosts.map(({ name, state }) => `${name} ${state}`)]),
    [
      [
        ['10.0.0.0/24', '192.0.2.0/24'],
        ['h1 up', 'h2 up', 'h9 degraded'],
      ],
      [['198.51.100.0/24'], ['h10 down']],
    ],
  );
  t.deepEqual(racks[0]!.hosts[0]!.pools, [{ pool: 'near', blocks: ['10.64.0.0/26', '10.64.0.64/26'], used: 2 }]);
  // A peer that is a host of the cluster is no router.
  t.deepEqual(routers, [{ address: '192.0.2.1', name: 'tor', asNumber: 65001 }]);
});

test('the ways are those that the routes take: a tunnel that one end lacks is none', (t) => {
  const { within, between } = topologyOf(OBJECTS);
  t.deepEqual(within, { native: ['near'] });
  t.deepEqual(between, { native: ['far', 'near'], vxlan: ['far'] });
  const both = { ...OBJECTS, hosts: OBJECTS.hosts.filter(({ metadata }) => metadata.name !== 'h9') };
  t.deepEqual(topologyOf(both).between, { native: ['near'], vxlan: ['far'] });
});

test('bgp, flannel, pools whose link leads to their containers, and unreachable hosts', (t) => {
  const pools = (['Bgp', 'Flannel', 'None'] as const).map((routes, index) =>
    object<Pool>('Pool', routes.toLowerCase(), { cidr: `10.${70 + index}.0.0/16`, routes }),
  );
  const lease = { flannel: { subnets: ['10.71.1.0/24'] } };
  const hosts = ['h1', 'h2'].map((name, index) => host(name, `192.0.2.1${index}`, ['192.0.2.0/24'], lease));
  const blocks = pools.map(({ metadata }, index) => block(`10.${70 + index}.1.0/26`, 'h1', metadata.name));
  t.deepEqual(topologyOf({ ...OBJECTS, hosts, pools, blocks }).within, { bgp: ['bgp'], flannel: ['flannel'] });
  const canal = [hosts[0]!, host('h2', '192.0.2.12', ['192.0.2.0/24'])];
  t.deepEqual(topologyOf({ ...OBJECTS, hosts: canal, pools, blocks }).within, { native: ['flannel'], bgp: ['bgp'] });
  const agents = new Map([['h2', agent({ flanneld: true as const })]]);
  t.deepEqual(topologyOf({ ...OBJECTS, hosts: canal, pools, blocks, agents }).within, { bgp: ['bgp'], flannel: ['flannel'] });
  const six = host('six', '2001:db8::1', ['2001:db8::/64']);
  t.deepEqual(topologyOf({ ...OBJECTS, hosts: [six, hosts[0]!], blocks: [block('10.64.0.0/26', 'six', 'near')] }).between, {});
});

test('as a tree', (t) => {
  t.is(
    topologyTree(topologyOf(OBJECTS)),
    `10.0.0.0/24, 192.0.2.0/24
├─ h1  192.0.2.11  up  0 endpoints
│  ├─ pool near: 10.64.0.0/26, 10.64.0.64/26; 2 in use
│  └─ BGP tor, 192.0.2.1, AS 65001: Established
├─ h2  192.0.2.12  up  0 endpoints
│  ├─ BGP tor, 192.0.2.1, AS 65001: Active
│  └─ BGP mesh, 192.0.2.11, AS 65001: Established
└─ h9  10.0.0.9  DEGRADED  0 endpoints
   └─ problem: route to <x> & "y"

198.51.100.0/24
└─ h10  198.51.100.9  DOWN  0 endpoints
   └─ pool far: 10.65.0.0/26; 0 in use

within a subnet    native: near
between subnets    native: far, near; vxlan: far
router             tor, 192.0.2.1, AS 65001
`,
  );
  t.regex(topologyTree(topologyOf({ ...OBJECTS, hosts: [], blocks: [], agents: new Map() })), /^No host is known yet/);
});

test('in the picture no box covers another, all are within it, and names do not break it', (t) => {
  const hosts = Array.from({ length: 40 }, (_, index) => host(`h${index}`, `10.${index % 5}.0.${index + 1}`, [`10.${index % 5}.0.0/24`]));
  const topology = topologyOf({ ...OBJECTS, hosts });
  const layout = layoutOf(topology);
  const boxes = [...layout.routers, ...(layout.fabric ? [layout.fabric] : []), ...layout.racks];
  for (const group of [boxes, ...layout.racks.map(({ cards }) => cards)])
    for (const [index, one] of group.entries()) {
      t.true(one.x >= 0 && one.y >= 0 && one.x + one.width <= layout.width && one.y + one.height <= layout.legendY);
      for (const other of group.slice(index + 1))
        t.true(
          one.x + one.width <= other.x ||
            other.x + other.width <= one.x ||
            one.y + one.height <= other.y ||
            other.y + other.height <= one.y,
        );
    }
  for (const { cards, ...rack } of layout.racks)
    for (const card of cards) t.true(card.y + card.height <= rack.y + rack.height && card.x + card.width <= rack.x + rack.width);
  const picture = topologySvg(topologyOf(OBJECTS), { title: 'a <b> & c' });
  t.true(picture.includes('a &lt;b&gt; &amp; c'));
  t.regex(picture, /! route to &lt;x&gt; &amp; &quot;y&quot;/);
  t.notRegex(picture, /undefined|NaN|Infinity/);
  t.regex(topologySvg(topologyOf({ ...OBJECTS, hosts: [], blocks: [], agents: new Map() }), { title: '' }), /^<svg [\s\S]*<\/svg>\n$/);
});

test('a card that would be too long tells how much more there is', (t) => {
  const { racks } = topologyOf({ ...OBJECTS, blocks: Array.from({ length: 9 }, (_, index) => block(`10.64.${index}.0/26`, 'h1', 'near')) });
  const lines = cardLines(racks[0]!.hosts[0]!);
  t.is(lines.length, 6);
  t.is(lines.at(-1), 'and 6 more');
});
