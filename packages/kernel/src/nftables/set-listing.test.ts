import test from 'ava';
import fc from 'fast-check';
import { temporaryNamespace } from '../testing/temporary-namespace.ts';
import { NftSocket } from './nft-socket.ts';
import { Nftables } from './nftables.ts';
import type { Element } from './nftables-element.ts';
import type { KeyField } from './nftables-field.ts';

const WEIR = { family: 'inet', table: 'weir' } as const;

const ip4 = (value: string): KeyField => ({ type: 'ipv4_addr', value });
const ip6 = (value: string): KeyField => ({ type: 'ipv6_addr', value });
const mac = (value: string): KeyField => ({ type: 'ether_addr', value });
const link = (value: string): KeyField => ({ type: 'ifname', value });
const proto = (value: number): KeyField => ({ type: 'inet_proto', value });
const port = (value: number): KeyField => ({ type: 'inet_service', value });
const slot = (value: number): KeyField => ({ type: 'integer', value });

/** Of each kind that Weir has, with what goes in. */
const SETS: { type: string; interval: boolean; elements: Element[] }[] = [
  { type: 'ifname', interval: false, elements: [{ key: [link('weir0')] }, { key: [link('a-name-of-15-by')] }] },
  { type: 'ifname . ether_addr . ipv6_addr', interval: false, elements: [{ key: [link('w'), mac('02:00:00:00:00:0a'), ip6('fd00::1')] }] },
  {
    type: 'ipv4_addr : verdict',
    interval: false,
    elements: [
      { key: [ip4('10.0.0.1')], verdict: { kind: 'goto', chain: 'web' } },
      { key: [ip4('0.0.0.0')], verdict: { kind: 'return' } },
      { key: [ip4('255.255.255.255')], verdict: { kind: 'jump', chain: 'web' } },
      { key: [ip4('1.2.3.4')], verdict: { kind: 'drop' } },
      { key: [ip4('1.2.3.5')], verdict: { kind: 'accept' } },
    ],
  },
  {
    type: 'ipv4_addr : verdict',
    interval: true,
    elements: [
      { key: [ip4('0.0.0.0')], to: [ip4('0.0.0.0')], verdict: { kind: 'drop' } },
      { key: [ip4('10.0.0.0')], to: [ip4('10.255.255.255')], verdict: { kind: 'goto', chain: 'web' } },
      { key: [ip4('11.0.0.0')], to: [ip4('11.0.0.1')], verdict: { kind: 'return' } },
      { key: [ip4('192.0.2.0')], to: [ip4('255.255.255.255')], verdict: { kind: 'drop' } },
    ],
  },
  {
    type: 'inet_proto . inet_service : ipv6_addr . inet_service',
    interval: false,
    elements: [{ key: [proto(6), port(80)], data: [ip6('fd00::2'), port(8080)] }],
  },
  {
    type: 'ipv4_addr . inet_proto . inet_service . integer : ipv4_addr . inet_service',
    interval: false,
    elements: [{ key: [ip4('10.0.0.1'), proto(17), port(53), slot(70000)], data: [ip4('10.0.0.2'), port(5353)] }],
  },
  {
    type: 'inet_proto . inet_service',
    interval: true,
    elements: [
      { key: [proto(6), port(80)], to: [proto(6), port(90)] },
      { key: [proto(17), port(53)], to: [proto(17), port(53)] },
    ],
  },
];

function open(t: Parameters<typeof temporaryNamespace>[0]): { socket: NftSocket; nftables: Nftables } {
  const namespace = temporaryNamespace(t);
  const nftables = Nftables.open({ namespace });
  const socket = NftSocket.open({ namespace });
  t.teardown(() => nftables.close());
  t.teardown(() => socket.close());
  nftables.run('add table inet weir\nadd chain inet weir web\n');
  return { socket, nftables };
}

const byText = (left: Element, right: Element) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1);

test('what went into a set or map comes out of it: every type, every verdict, intervals to both ends', (t) => {
  const { socket, nftables } = open(t);
  for (const [index, { type, interval, elements }] of SETS.entries()) {
    const name = `s${index}`;
    socket.apply(WEIR, [
      { kind: 'map', op: 'add', name, type, interval },
      ...elements.map((element) => ({ kind: 'element' as const, op: 'add' as const, set: name, ...element })),
    ]);
    t.deepEqual(socket.elements(WEIR, { name, type, interval }).sort(byText), elements.toSorted(byText), type);
  }
  const names = nftables.structure('inet weir')!.flatMap(({ set, map }) => [set ?? map ?? []].flat());
  t.is(names.length, SETS.length);
  t.true(names.every(({ elem }) => elem === undefined));
  t.throws(() => socket.elements(WEIR, { name: 'none', type: 'ipv4_addr', interval: false }), { code: 'ENOENT' });
  t.is(nftables.structure('inet none'), undefined);
});

test('intervals of addresses come out as they went in, more of them than one message holds, and after changes in their midst', (t) => {
  const { socket } = open(t);
  for (const [type, width] of [
    ['ipv4_addr', 4],
    ['ipv6_addr', 16],
  ] as const) {
    socket.apply(WEIR, [{ kind: 'map', op: 'add', name: type, type, interval: true }]);
    const at = (places: readonly number[]) => {
      const bytes = Buffer.alloc(places.length * 2 * width);
      for (const [index, place] of places.entries()) {
        bytes.writeUInt32BE(place * 4, index * 2 * width);
        bytes.writeUInt32BE(place * 4 + (place % 3), index * 2 * width + width);
        // Up to the highest address of all.
        if (place === 2 ** 30 - 1) bytes.fill(0xff, (index * 2 + 1) * width, (index * 2 + 2) * width);
      }
      return bytes;
    };
    let present: number[] = [];
    for (const places of [...fc.sample(fc.uniqueArray(fc.nat(5000), { maxLength: 900 }), { numRuns: 4, seed: 7 }), [0, 9, 2 ** 30 - 1]]) {
      const rising = places.toSorted((left, right) => left - right);
      const change = (op: 'add' | 'delete', which: number[]) =>
        which.length === 0 ? [] : [{ kind: 'intervals' as const, op, set: type, type, bytes: at(which) }];
      socket.apply(WEIR, [
        ...change(
          'delete',
          present.filter((place) => !rising.includes(place)),
        ),
        ...change(
          'add',
          rising.filter((place) => !present.includes(place)),
        ),
      ]);
      present = rising;
      t.deepEqual(Buffer.from(socket.intervals(WEIR, { name: type, type })), at(present));
    }
  }
});
