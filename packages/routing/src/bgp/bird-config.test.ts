import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { bgpHost, bgpState, object } from '../testing/bgp.ts';
import { block } from '../testing/objects.ts';
import { birdConfig } from './bird-config.ts';
import { type BgpState, bgpPlan } from './speaker.ts';

const h1 = bgpHost('h1', ['192.0.2.11', '2001:db8::11'], undefined, { rack: 'a' });
const h2 = bgpHost('h2', ['192.0.2.12', '2001:db8::12']);
const torA = object('BgpPeer', 'tor-a', { address: '192.0.2.1', asNumber: 65001 });
const exported = object('Pool', 'exported', { cidr: '10.64.0.0/16', visibility: 'Exported' });
const hidden = object('Pool', 'hidden', { cidr: '10.65.0.0/16' });

const textOf = (state: BgpState): string => birdConfig(bgpPlan(state).speaker!).text;

/** What stands between a line that begins with this and the next empty line. */
const part = (text: string, begin: string): string =>
  text
    .slice(text.indexOf(`\n${begin}`) + 1)
    .split('\n\n', 1)[0]!
    .trimEnd();

/** BIRD's own opinion. */
function checkSyntax(t: ExecutionContext, text: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'weir-bird-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'bird.conf'), text);
  t.notThrows(() => execFileSync('bird', ['-p', '-c', join(folder, 'bird.conf')], { stdio: 'pipe' }), text);
}

test('blocks of an exported pool, announced to the top-of-rack router: the whole file', (t) => {
  const text = textOf(
    bgpState({
      self: h1,
      pools: [exported, hidden],
      blocks: [block('10.64.0.0/26', 'h1'), block('10.64.0.64/26', 'h2', { '10.64.0.70': 'h1' }), block('10.65.0.0/26', 'h1')],
      peers: [torA],
    }),
  );
  checkSyntax(t, text);
  t.is(
    text.replace(/"[0-9a-f]{16}"/, '"HASH"'),
    `# Made by weir agent on h1, which writes over changes. It follows from: weir get bgpconfigs,bgppeers,bgpfilters,pools,hosts
define WEIR_CONFIG = "HASH";
log stderr { info, remote, warning, error, auth, fatal, bug };
timeformat protocol iso long;
router id 192.0.2.11;
graceful restart wait 30;

protocol device {}

# Where next hops are found. Nothing of it is told to anybody, unless a BgpFilter says so.
protocol direct {
  ipv4;
  ipv6;
  interface -"weir*", "*";
}

# IPv4 pools: all of them, those whose blocks hosts learn of by BGP, and those that the fabric hears of.
function pools4() { return net ~ [ 10.64.0.0/16+, 10.65.0.0/16+ ]; }
function by_bgp4() { return false; }
function exported4() { return net ~ [ 10.64.0.0/16+ ]; }

# This host's blocks, and addresses out of others' blocks that it has.
protocol static blocks4 {
  ipv4;
  route 10.64.0.0/26 blackhole;
  route 10.64.0.70/32 blackhole;
}

filter to_kernel4 {
  if source != RTS_BGP then reject;
  # To blocks of other pools Weir itself makes the routes.
  if pools4() && !by_bgp4() then reject;
  accept;
}

protocol kernel kernel4 {
  scan time 1;
  metric 2048;
  merge paths on;
  graceful restart on;
  learn;
  ipv4 {
    import where krt_source != 121;
    export filter to_kernel4;
  };
}

# What may be told. A route reflector passes on what other hosts told; everybody else tells of its own alone.
function told_to_hosts4() { return proto = "blocks4"; }
function told_to_fabric4() { return proto = "blocks4"; }

template bgp weir {
  graceful restart on;
  graceful restart time 120;
  connect delay time 1;
  connect retry time 5;
  error wait time 2, 10;
}

protocol bgp 'peer.tor-a' from weir {
  description "tor-a";
  local as 64512;
  neighbor 192.0.2.1 as 65001;
  direct;
  hold time 90;
  ipv4 {
    import filter {
      accept;
    };
    export filter {
      if pools4() && !exported4() then reject;
      if told_to_fabric4() then accept;
      reject;
    };
  };
}
`,
  );
});

test('the mesh: a session per host and family, from address to address, which tells of pools alone; next hops are looked up', (t) => {
  const pool = object('Pool', 'p', { cidr: 'fd00:64::/112', routes: 'Bgp' });
  const text = textOf(
    bgpState({
      self: h1,
      hosts: [h2, h1],
      pools: [pool],
      blocks: [block('fd00:64::/122', 'h1')],
      config: { meshPassword: { file: '/etc/weir/mesh' }, port: 1179 },
    }),
  );
  checkSyntax(t, text);
  t.is(
    part(text, "protocol bgp 'host"),
    `protocol bgp 'host.h2.6' from weir {
  description "h2";
  local 2001:db8::11 port 1179 as 64512;
  neighbor 2001:db8::12 port 1179 as 64512;
  direct;
  password "opensesame";
  hold time 90;
  ipv6 {
    gateway recursive;
    import filter {
      if !pools6() then reject;
      accept;
    };
    export filter {
      if told_to_hosts6() then accept;
      reject;
    };
  };
}`,
  );
  t.is(text.match(/protocol bgp/g)?.length, 1);
  t.notRegex(text, /ipv4 \{/);
});

test('a route reflector passes on what hosts told, to hosts and fabric', (t) => {
  const reflector = bgpHost('rr', ['192.0.2.10'], { clusterId: '10.0.0.1', asNumber: 65100 });
  const client = bgpHost('h2', ['192.0.2.12'], { asNumber: 65100 });
  const text = textOf(
    bgpState({
      self: reflector,
      hosts: [reflector, client],
      pools: [exported],
      peers: [object('BgpPeer', 'reflectors', { hostSelector: 'all()', peerSelector: 'has(reflector)' }), torA],
      config: { nodeMesh: false },
    }),
  );
  t.regex(text, /function told_to_fabric4\(\) \{ return proto = "blocks4" \|\| \(source = RTS_BGP && proto ~ "host\.\*"\); \}/);
  t.notRegex(text, /rr client/, 'it is not selected as a reflector');
  const labelled = { ...reflector, metadata: { ...reflector.metadata, labels: { reflector: '' } } };
  const both = textOf(
    bgpState({
      self: labelled,
      hosts: [labelled, client],
      pools: [exported],
      peers: [object('BgpPeer', 'reflectors', { hostSelector: 'all()', peerSelector: 'has(reflector)' }), torA],
      config: { nodeMesh: false },
    }),
  );
  checkSyntax(t, both);
  t.regex(both, /rr cluster id 10\.0\.0\.1;/);
  t.regex(part(both, "protocol bgp 'host.h2.4'"), /as 65100;\n {2}direct;\n {2}hold time 90;\n {2}rr client;/);
});

test('BFD: the protocol is there when a session has it, and that one alone watches', (t) => {
  const bfd = { intervalMilliseconds: 100, multiplier: 5 };
  const quick = object('BgpPeer', 'quick', { address: '192.0.2.2', asNumber: 65002, bfd });
  const text = textOf(bgpState({ self: h1, pools: [exported], peers: [torA, quick] }));
  checkSyntax(t, text);
  t.regex(text, /\nprotocol bfd \{\}\n/);
  t.regex(part(text, "protocol bgp 'peer.quick'"), /hold time 90;\n {2}bfd \{ interval 100 ms; multiplier 5; \};/);
  t.notRegex(part(text, "protocol bgp 'peer.tor-a'"), /bfd/);
});

test('IPv4 over IPv6: with a router that is told to, and with a host that shares no IPv4', (t) => {
  const six = bgpHost('six', ['2001:db8::13']);
  const router = object('BgpPeer', 'tor-6', { address: '2001:db8::1', asNumber: 65001, extendedNextHop: true });
  const pools = [exported, object('Pool', 'mesh', { cidr: '10.66.0.0/16', routes: 'Bgp' })];
  const text = textOf(bgpState({ self: h1, hosts: [h1, h2, six], pools, peers: [router] }));
  checkSyntax(t, text);
  const channels = (name: string) => part(text, `protocol bgp '${name}'`).match(/ipv[46] \{\n( {4}extended next hop on;)?/g);
  t.deepEqual(channels('peer.tor-6'), ['ipv6 {\n', 'ipv4 {\n    extended next hop on;']);
  t.deepEqual(channels('host.h2.4'), ['ipv4 {\n']);
  t.deepEqual(channels('host.six.6'), ['ipv4 {\n    extended next hop on;']);
  t.notRegex(text, /'host\.h2\.6'/);
});

test('communities, services, filters, TTL security, a router that is not on a link', (t) => {
  const text = textOf(
    bgpState({
      self: h1,
      pools: [exported],
      peers: [
        object('BgpPeer', 'far', {
          address: '203.0.113.9',
          asNumber: 64512,
          holdSeconds: 9,
          keepaliveSeconds: 3,
          ttlSecurity: 2,
          port: 1790,
        }),
        object('BgpPeer', 'near', {
          address: '192.0.2.1',
          asNumber: 65001,
          ttlSecurity: 1,
          filters: ['edge'],
          sourceAddress: '192.0.2.99',
        }),
      ],
      filters: [
        object('BgpFilter', 'edge', { import: [{ action: 'Accept', cidr: '0.0.0.0/0', operator: 'Equal' }, { action: 'Reject' }] }),
        object('BgpFilter', 'unused', {}),
      ],
      config: {
        serviceAddresses: ['11.0.0.0/16'],
        communities: [{ name: 'edge', value: '65001:1:2' }],
        prefixAdvertisements: [{ cidr: '10.64.0.0/16', communities: ['edge', '65001:7'] }],
      },
    }),
  );
  checkSyntax(t, text);
  t.regex(text, /protocol static services4 \{\n {2}ipv4;\n {2}route 11\.0\.0\.0\/16 blackhole;\n\}/);
  t.regex(text, /told_to_fabric4\(\) \{ return proto = "blocks4" \|\| proto = "services4"; \}/);
  t.is(
    part(text, 'function mark4'),
    `function mark4() {
  if net ~ [ 10.64.0.0/16+ ] then { bgp_large_community.add((65001, 1, 2)); bgp_community.add((65001, 7)); }
}`,
  );
  const far = part(text, "protocol bgp 'peer.far'");
  t.regex(
    far,
    /neighbor 203\.0\.113\.9 port 1790 as 64512;\n {2}multihop 2;\n {2}ttl security on;\n {2}hold time 9;\n {2}keepalive time 3;/,
  );
  const near = part(text, "protocol bgp 'peer.near'");
  t.regex(near, /local 192\.0\.2\.99 as 64512;/);
  t.regex(near, /direct;\n {2}ttl security on;/);
  t.regex(near, /import filter \{\n {6}'import4\.edge'\(\);\n {6}accept;/);
  t.regex(near, /exported4\(\) then reject;\n {6}mark4\(\);\n {6}'export4\.edge'\(\);\n/);
  t.is(
    part(text, "function 'import4.edge'"),
    `function 'import4.edge'() {
  if net = 0.0.0.0/0 then accept;
  reject;
}`,
  );
  t.notRegex(text, /unused/);
});

test('the same objects in any order are the same text, so nothing is reloaded; the hash is of what BIRD does', (t) => {
  const state = bgpState({
    self: h1,
    hosts: [h1, h2, bgpHost('h3', ['192.0.2.13'])],
    pools: [exported, hidden, object('Pool', 'p', { cidr: '10.66.0.0/16', routes: 'Bgp' })],
    blocks: ['10.64.0.0/26', '10.64.0.64/26', '10.66.0.0/26'].map((cidr) => block(cidr, 'h1')),
    peers: [torA, object('BgpPeer', 'tor-b', { address: '192.0.2.2', asNumber: 65002, filters: ['a', 'b'] })],
    filters: [object('BgpFilter', 'a', {}), object('BgpFilter', 'b', {})],
  });
  const wanted = birdConfig(bgpPlan(state).speaker!);
  const shuffled = <T>(list: readonly T[]) => fc.shuffledSubarray([...list], { minLength: list.length });
  fc.assert(
    fc.property(
      fc.record({
        hosts: shuffled(state.hosts),
        pools: shuffled(state.pools),
        blocks: shuffled(state.blocks),
        peers: shuffled(state.peers),
        filters: shuffled(state.filters),
      }),
      (order) => {
        t.deepEqual(birdConfig(bgpPlan({ ...state, ...order }).speaker!), wanted);
      },
    ),
  );
  t.not(birdConfig(bgpPlan({ ...state, blocks: [] }).speaker!).hash, wanted.hash);
});

test('nobody to speak with: no daemon', (t) => {
  t.deepEqual(bgpPlan(bgpState({ self: h1, hosts: [h1, h2], pools: [exported] })), { refused: [] });
});
