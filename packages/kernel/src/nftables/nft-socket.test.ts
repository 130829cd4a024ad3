import test from 'ava';
import fc from 'fast-check';
import { KernelError } from '../error.ts';
import { descriptorsLeaked, runWithin, temporaryNamespace } from '../testing/temporary-namespace.ts';
import type { TableChange } from './nft-batch.ts';
import { NftSocket } from './nft-socket.ts';
import { Nftables } from './nftables.ts';
import type { ElementChange, Verdict } from './nftables-element.ts';
import type { KeyField } from './nftables-field.ts';
import type { Rule } from './nftables-rule.ts';

const WEIR = { family: 'inet', table: 'weir' } as const;
const ip4 = (value: string): KeyField => ({ type: 'ipv4_addr', value });
const ip6 = (value: string): KeyField => ({ type: 'ipv6_addr', value });
const port = (value: number): KeyField => ({ type: 'inet_service', value });
const proto = (value: number): KeyField => ({ type: 'inet_proto', value });
const link = (value: string): KeyField => ({ type: 'ifname', value });
const DROP: Verdict = { kind: 'drop' };
const ACCEPT: Verdict = { kind: 'accept' };

const add = (set: string, key: KeyField[], verdict?: Verdict, to?: KeyField[]): ElementChange => ({
  kind: 'element',
  op: 'add',
  set,
  key,
  ...(verdict && { verdict }),
  ...(to && { to }),
});
const remove = ({ verdict: _, ...change }: ElementChange): ElementChange => ({ ...change, op: 'delete' });

function open(
  t: Parameters<typeof temporaryNamespace>[0],
  ...sets: string[]
): { socket: NftSocket; nft: (...args: string[]) => string; namespace: string; nftables: Nftables } {
  const namespace = temporaryNamespace(t);
  const nftables = Nftables.open({ namespace });
  const socket = NftSocket.open({ namespace });
  t.teardown(() => nftables.close());
  t.teardown(() => socket.close());
  nftables.run(
    [
      'add table inet weir',
      'add chain inet weir web',
      'add chain inet weir db',
      ...sets.map((set) => `add ${set.replace(/^(map|set) /, '$1 inet weir ')}`),
    ].join('\n'),
  );
  return { socket, namespace, nftables, nft: (...args) => runWithin(namespace, 'nft', ...args) };
}

/** The elements of a set as nft prints them, one each. */
function listed(nft: (...args: string[]) => string, kind: 'map' | 'set', name: string): string[] {
  const [, text] = /elements = \{([^}]*)\}/s.exec(nft('list', kind, 'inet', 'weir', name)) ?? [];
  return text ? text.split(',').map((element) => element.trim()) : [];
}

test('nft lists what was added: every type of key, every verdict', (t) => {
  const { socket, nft } = open(
    t,
    'map links { type ifname : verdict; }',
    'map peers4 { type ipv4_addr : verdict; }',
    'map peers6 { type ipv6_addr : verdict; }',
    'map services { type inet_proto . inet_service : verdict; }',
    'map paths { type ifname . ipv6_addr . inet_proto . inet_service : verdict; }',
    'set plain { type ipv4_addr; }',
  );
  socket.apply(WEIR, [
    add('links', [link('weir0123456789a')], { kind: 'goto', chain: 'web' }),
    add('peers4', [ip4('10.0.0.1')], { kind: 'jump', chain: 'db' }),
    add('peers4', [ip4('10.0.0.2')], { kind: 'return' }),
    add('peers6', [ip6('fd00::1')], DROP),
    add('services', [proto(6), port(80)], ACCEPT),
    add('services', [proto(17), port(53)], DROP),
    add('paths', [link('weir0'), ip6('fd00::1'), proto(132), port(9)], ACCEPT),
    add('plain', [ip4('10.0.0.1')]),
  ]);
  t.deepEqual(listed(nft, 'map', 'links'), ['"weir0123456789a" : goto web']);
  t.deepEqual(listed(nft, 'map', 'peers4').sort(), ['10.0.0.1 : jump db', '10.0.0.2 : return']);
  t.deepEqual(listed(nft, 'map', 'peers6'), ['fd00::1 : drop']);
  t.deepEqual(listed(nft, 'map', 'services').sort(), ['tcp . 80 : accept', 'udp . 53 : drop']);
  t.deepEqual(listed(nft, 'map', 'paths'), ['"weir0" . fd00::1 . sctp . 9 : accept']);
  t.deepEqual(listed(nft, 'set', 'plain'), ['10.0.0.1']);
});

test('nft lists what maps of data give', (t) => {
  const { socket, nft } = open(
    t,
    'map ports4 { type inet_proto . inet_service : ipv4_addr . inet_service; }',
    'map ports6 { type ipv6_addr . inet_service : ipv6_addr . inet_service; }',
    'map plain { type ipv4_addr : inet_service; }',
  );
  const changes: ElementChange[] = [
    { kind: 'element', op: 'add', set: 'ports4', key: [proto(6), port(80)], data: [ip4('10.0.0.1'), port(8080)] },
    { kind: 'element', op: 'add', set: 'ports6', key: [ip6('fd00::1'), port(80)], data: [ip6('fd00::2'), port(443)] },
    { kind: 'element', op: 'add', set: 'plain', key: [ip4('10.0.0.1')], data: [port(53)] },
  ];
  socket.apply(WEIR, changes);
  t.deepEqual(listed(nft, 'map', 'ports4'), ['tcp . 80 : 10.0.0.1 . 8080']);
  t.deepEqual(listed(nft, 'map', 'ports6'), ['fd00::1 . 80 : fd00::2 . 443']);
  t.deepEqual(listed(nft, 'map', 'plain'), ['10.0.0.1 : 53']);
  const other = { ...changes[0]!, data: [ip4('10.0.0.2'), port(8080)] };
  const error = t.throws(() => socket.apply(WEIR, [other]), { instanceOf: KernelError });
  t.is(error.errno, 17);
  t.regex(error.message, /6 \. 80 : 10\.0\.0\.2 \. 8080/);
  socket.apply(WEIR, [{ ...changes[0]!, op: 'delete' }, other]);
  t.deepEqual(listed(nft, 'map', 'ports4'), ['tcp . 80 : 10.0.0.2 . 8080']);
});

test('nft lists intervals: adjacent ones, single values, those up to the last value, concatenated ones', (t) => {
  const { socket, nft } = open(
    t,
    'map nets4 { type ipv4_addr : verdict; flags interval; }',
    'map nets6 { type ipv6_addr : verdict; flags interval; }',
    'map ports { type inet_service : verdict; flags interval; }',
    'map services { type inet_proto . inet_service : verdict; flags interval; }',
  );
  const changes = [
    add('nets4', [ip4('0.0.0.0')], ACCEPT, [ip4('0.255.255.255')]),
    add('nets4', [ip4('10.0.1.0')], { kind: 'goto', chain: 'db' }, [ip4('10.0.1.255')]),
    add('nets4', [ip4('10.0.0.0')], { kind: 'goto', chain: 'web' }, [ip4('10.0.0.255')]),
    add('nets4', [ip4('10.0.2.7')], DROP, [ip4('10.0.2.7')]),
    add('nets4', [ip4('240.0.0.0')], DROP, [ip4('255.255.255.255')]),
    add('nets6', [ip6('::')], ACCEPT, [ip6('::1')]),
    add('nets6', [ip6('fd00::')], DROP, [ip6('fd00::ffff')]),
    add('nets6', [ip6('ff00::')], DROP, [ip6('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff')]),
    add('ports', [port(999)], DROP, [port(999)]),
    add('ports', [port(1000)], ACCEPT, [port(65535)]),
    add('services', [proto(6), port(1000)], ACCEPT, [proto(6), port(2000)]),
    add('services', [proto(17), port(53)], DROP, [proto(17), port(53)]),
  ];
  socket.apply(WEIR, changes);
  t.deepEqual(listed(nft, 'map', 'nets4'), [
    '0.0.0.0/8 : accept',
    '10.0.0.0/24 : goto web',
    '10.0.1.0/24 : goto db',
    '10.0.2.7 : drop',
    '240.0.0.0/4 : drop',
  ]);
  t.deepEqual(listed(nft, 'map', 'nets6'), ['::/127 : accept', 'fd00::/112 : drop', 'ff00::/8 : drop']);
  t.deepEqual(listed(nft, 'map', 'ports'), ['999 : drop', '1000-65535 : accept']);
  t.deepEqual(listed(nft, 'map', 'services').sort(), ['tcp . 1000-2000 : accept', 'udp . 53 : drop']);
  socket.apply(WEIR, changes.map(remove));
  for (const name of ['nets4', 'nets6', 'ports', 'services']) t.deepEqual(listed(nft, 'map', name), [], name);
});

test('libnftables and raw nfnetlink undo what the other did', (t) => {
  const { socket, nft, nftables } = open(
    t,
    'map nets { type ipv4_addr : verdict; flags interval; }',
    'map peers { type ipv6_addr : verdict; }',
  );
  nftables.run(
    'add element inet weir nets { 20.0.0.0/24 : drop, 20.0.1.0/24 : accept, 240.0.0.0-255.255.255.255 : drop }\nadd element inet weir peers { fd00::1 : drop }',
  );
  socket.apply(WEIR, [
    remove(add('nets', [ip4('20.0.0.0')], DROP, [ip4('20.0.0.255')])),
    remove(add('nets', [ip4('240.0.0.0')], DROP, [ip4('255.255.255.255')])),
    remove(add('peers', [ip6('fd00::1')])),
    add('nets', [ip4('10.0.0.0')], ACCEPT, [ip4('10.0.0.255')]),
    add('peers', [ip6('fd00::2')], DROP),
  ]);
  t.deepEqual(listed(nft, 'map', 'nets'), ['10.0.0.0/24 : accept', '20.0.1.0/24 : accept']);
  nftables.run('delete element inet weir nets { 10.0.0.0/24 : accept }\ndelete element inet weir peers { fd00::2 : drop }');
  t.deepEqual(listed(nft, 'map', 'nets'), ['20.0.1.0/24 : accept']);
  t.deepEqual(listed(nft, 'map', 'peers'), []);
});

test('any intervals that do not overlap come and go, in any order', (t) => {
  const { socket, nft } = open(t, 'map nets { type ipv4_addr : verdict; flags interval; }');
  const address = (number: number): KeyField => ip4(`${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`);
  // Cut points make neighbours that touch likely; the extremes of the number line are always among them.
  const cuts = fc.uniqueArray(fc.oneof(fc.nat({ max: 40 }), fc.integer({ min: 0xffffffd8, max: 0xffffffff })), {
    minLength: 1,
    maxLength: 8,
  });
  fc.assert(
    fc.property(cuts, fc.array(fc.boolean(), { minLength: 10, maxLength: 10 }), fc.infiniteStream(fc.nat()), (points, kept, random) => {
      const starts = [...new Set([0, ...points])].sort((a, b) => a - b);
      const intervals = starts
        .map((start, at) => add('nets', [address(start)], DROP, [address((starts[at + 1] ?? 0x100000000) - 1)]))
        .filter((_, at) => kept[at]);
      const shuffled = [...intervals].sort(() => ((random.next().value ?? 0) % 3) - 1);
      socket.apply(WEIR, shuffled);
      t.is(listed(nft, 'map', 'nets').length, intervals.length);
      socket.apply(WEIR, shuffled.reverse().map(remove));
      t.deepEqual(listed(nft, 'map', 'nets'), []);
    }),
    { numRuns: 25 },
  );
});

test('changes take effect in their order, all or none', (t) => {
  const { socket, nft } = open(t, 'map peers { type ipv4_addr : verdict; }');
  socket.apply(WEIR, [add('peers', [ip4('10.0.0.1')], DROP)]);
  socket.apply(WEIR, [
    remove(add('peers', [ip4('10.0.0.1')])),
    add('peers', [ip4('10.0.0.1')], ACCEPT),
    add('peers', [ip4('10.0.0.2')], DROP),
  ]);
  t.deepEqual(listed(nft, 'map', 'peers').sort(), ['10.0.0.1 : accept', '10.0.0.2 : drop']);
  t.throws(() =>
    socket.apply(WEIR, [
      remove(add('peers', [ip4('10.0.0.1')])),
      add('peers', [ip4('10.0.0.3')], DROP),
      remove(add('peers', [ip4('10.0.0.9')])),
    ]),
  );
  t.deepEqual(listed(nft, 'map', 'peers').sort(), ['10.0.0.1 : accept', '10.0.0.2 : drop']);
  t.notThrows(
    () => socket.apply(WEIR, [add('peers', [ip4('10.0.0.1')], ACCEPT)]),
    'what is there already with the same verdict is no error',
  );
  t.notThrows(() => socket.apply(WEIR, []));
});

test('an error names the element', (t) => {
  const { socket } = open(
    t,
    'map peers { type ipv4_addr : verdict; }',
    'map nets { type ipv4_addr : verdict; flags interval; }',
    'set plain { type ipv4_addr; }',
  );
  socket.apply(WEIR, [add('peers', [ip4('10.0.0.1')], DROP), add('nets', [ip4('10.0.0.0')], DROP, [ip4('10.0.0.255')])]);
  const good = add('peers', [ip4('10.0.0.9')], DROP);
  const refused = (changes: ElementChange[], table = 'weir'): KernelError =>
    t.throws(() => socket.apply({ family: 'inet', table }, changes), { instanceOf: KernelError });
  t.like(refused([good, add('peers', [ip4('10.0.0.10')], { kind: 'goto', chain: 'missing' })]), {
    code: 'ENOENT',
    operation: 'nft add element inet weir peers { 10.0.0.10 : goto missing }',
    batchIndex: 1,
  });
  t.like(refused([good, add('peers', [ip4('10.0.0.1')], ACCEPT)]), {
    code: 'EEXIST',
    operation: 'nft add element inet weir peers { 10.0.0.1 : accept }',
  });
  t.like(refused([good, remove(add('peers', [ip4('10.0.0.99')])), remove(add('plain', [ip4('10.0.0.98')]))]), {
    code: 'ENOENT',
    operation: 'nft delete element inet weir peers { 10.0.0.99 }',
    batchIndex: 1,
  });
  t.like(refused([add('nets', [ip4('10.0.0.128')], ACCEPT, [ip4('10.0.3.0')])]), {
    code: 'EEXIST',
    operation: 'nft add element inet weir nets { 10.0.0.128-10.0.3.0 : accept }',
  });
  t.like(refused([add('peers', [ip6('fd00::1')], DROP)]), {
    code: 'EINVAL',
    operation: 'nft add element inet weir peers { fd00::1 : drop }',
  });
  t.like(refused([add('plain', [ip4('10.0.0.9')], DROP)]), { code: 'EINVAL' });
  t.like(refused([add('missing', [ip4('10.0.0.9')], DROP), add('missing', [ip4('10.0.0.8')], DROP)]), {
    code: 'ENOENT',
    extendedAck: 'there is no such table or set',
  });
  t.like(refused([good], 'missing'), { code: 'ENOENT', operation: 'nft add element inet missing peers { 10.0.0.9 : drop }' });
});

const GOTO_DB: Rule = { expressions: [{ kind: 'verdict', verdict: { kind: 'goto', chain: 'db' } }] };
const ports = (...ranges: [number, number][]): Rule => ({
  expressions: [
    { kind: 'match', fields: ['tcp dport'], members: ranges.map((range) => [range]) },
    { kind: 'verdict', verdict: DROP },
  ],
});

test('structure and what leads there come and go in one transaction', (t) => {
  const { socket, nft } = open(t, 'map links { type ifname : verdict; }');
  const before = nft('list', 'table', 'inet', 'weir');
  const element = add('links', [link('weir0')], { kind: 'goto', chain: 'g_1' });
  socket.apply(WEIR, [
    { kind: 'chain', op: 'add', name: 'g_1' },
    { kind: 'map', op: 'add', name: 'p_1', type: 'ipv4_addr : verdict', interval: true },
    {
      kind: 'rules',
      op: 'add',
      chain: 'g_1',
      rules: [{ expressions: [{ kind: 'vmap', field: 'ip saddr', map: 'p_1' }], comment: 'peers' }],
    },
    { kind: 'rules', op: 'add', chain: 'g_1', rules: [ports([80, 80], [100, 200])] },
    add('p_1', [ip4('10.0.0.0')], { kind: 'goto', chain: 'db' }, [ip4('10.0.0.255')]),
    element,
  ]);
  const rules = nft('list', 'chain', 'inet', 'weir', 'g_1')
    .split('\n')
    .map((line) => line.trim());
  t.deepEqual(rules.slice(2, 4), ['ip saddr vmap @p_1 comment "peers"', 'tcp dport { 80, 100-200 } drop']);
  t.deepEqual(listed(nft, 'map', 'p_1'), ['10.0.0.0/24 : goto db']);
  socket.apply(WEIR, [
    remove(element),
    { kind: 'rules', op: 'delete', chain: 'g_1' },
    { kind: 'map', op: 'delete', name: 'p_1' },
    { kind: 'chain', op: 'delete', name: 'g_1' },
  ]);
  t.is(nft('list', 'table', 'inet', 'weir'), before);
});

test('an error names the chain, rule or map, and nothing of the transaction stays', (t) => {
  const { socket, nft } = open(t, 'map peers { type ipv4_addr : verdict; }');
  socket.apply(WEIR, [
    { kind: 'rules', op: 'add', chain: 'web', rules: [GOTO_DB, { expressions: [{ kind: 'vmap', field: 'ip saddr', map: 'peers' }] }] },
  ]);
  const before = nft('list', 'table', 'inet', 'weir');
  const refused = (...changes: TableChange[]): KernelError => {
    const error = t.throws(() => socket.apply(WEIR, [{ kind: 'chain', op: 'add', name: 'new' }, ...changes]), {
      instanceOf: KernelError,
    });
    t.is(nft('list', 'table', 'inet', 'weir'), before);
    return error;
  };
  t.like(refused({ kind: 'chain', op: 'add', name: 'web' }), { code: 'EEXIST', operation: 'nft add chain inet weir web', batchIndex: 1 });
  t.like(refused({ kind: 'chain', op: 'delete', name: 'db' }), { code: 'EBUSY', operation: 'nft delete chain inet weir db' });
  t.like(refused({ kind: 'map', op: 'add', name: 'peers', type: 'ipv4_addr : verdict', interval: false }), {
    code: 'EEXIST',
    operation: 'nft add map inet weir peers',
  });
  t.like(refused({ kind: 'map', op: 'delete', name: 'peers' }), { code: 'EBUSY', operation: 'nft delete map inet weir peers' });
  t.like(refused({ kind: 'rules', op: 'add', chain: 'missing', rules: [GOTO_DB] }), {
    code: 'ENOENT',
    operation: 'nft add rule inet weir missing (its rule 1)',
  });
  const missing: Rule = { expressions: [{ kind: 'vmap', field: 'ip6 daddr', map: 'missing' }] };
  t.like(refused({ kind: 'rules', op: 'add', chain: 'new', rules: [ports([1, 2], [4, 4]), missing] }), {
    code: 'ENOENT',
    operation: 'nft add rule inet weir new (its rule 2)',
  });
  t.throws(() => socket.apply(WEIR, [{ kind: 'rules', op: 'add', chain: 'web', rules: [ports([80, 65536])] }]), {
    instanceOf: TypeError,
    message: /^65536 is not of type inet_service/,
  });
  t.notThrows(() => socket.apply(WEIR, [{ kind: 'rules', op: 'add', chain: 'web', rules: [] }]));
});

test('a hundred thousand elements go in one transaction, and one bad one among them takes all back', (t) => {
  const { socket, nft } = open(t, 'set plain { type ipv4_addr; }');
  const changes = Array.from({ length: 100_000 }, (_, number) =>
    add('plain', [ip4(`10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`)]),
  );
  socket.apply(WEIR, changes);
  t.is(listed(nft, 'set', 'plain').length, 100_000);
  const removals = changes.map(remove);
  const error = t.throws(() => socket.apply(WEIR, removals.with(54_321, remove(add('plain', [ip4('99.0.0.1')])))), {
    instanceOf: KernelError,
  });
  t.like(error, { code: 'ENOENT', operation: 'nft delete element inet weir plain { 99.0.0.1 }', batchIndex: 54_321 });
  socket.apply(WEIR, removals);
  t.deepEqual(listed(nft, 'set', 'plain'), []);
});

test('a thousand transactions and sockets leave no file descriptor open, refused ones neither', (t) => {
  const { socket, namespace } = open(t, 'set plain { type ipv4_addr; }');
  const change = add('plain', [ip4('10.0.0.1')]);
  t.is(
    descriptorsLeaked(1000, () => {
      socket.apply(WEIR, [change]);
      NftSocket.open({ namespace }).close();
    }),
    0,
  );
  t.is(
    // The kernel waits for an RCU grace period when it takes a transaction back.
    descriptorsLeaked(100, () => t.throws(() => socket.apply({ family: 'inet', table: 'missing' }, [change]))),
    0,
  );
});
