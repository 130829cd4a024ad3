/**
 * `npm run bench:sets`: what a list of 100,000 nets costs the kernel by itself, without anything of Weir's: one net in place of another, and
 * a packet looked up, in the ways in which nftables can hold such a list. As one set of intervals; as a hash set for each length of prefix;
 * and as a set of intervals for each part of the address space, found by a map of intervals, which is what Weir makes of it. Each is a table
 * of its own, all in a network namespace of their own. Packets go to ever other addresses, few of them in the list; the same without a look-up, in turn.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Nftables, NftSocket, type TableChange, type TableReference } from '@weir/kernel';
import { NETS_PER_SET } from '@weir/policy';
import { addressFromNumber } from '@weir/resources';
import { compile } from './compile.ts';
import { medianRow, progress, type Row, report, type Series } from './table.ts';

const NETS = 100_000;
/** None is within another: each begins where one of the longest would. */
const LONGEST = 17;
const ROUNDS = 9;
const CHANGES = 40;
/** By nft's own library, which first reads the whole set. */
const CHANGES_BY_LIBRARY = 5;
const SECONDS = '0.4';
const INSIDE = '--inside';

/** A bridge without ports, by which packets go nowhere, without asking for neighbours. */
const SINK = ['link add sink type bridge', 'link set sink arp off up', 'address add 192.0.2.1/32 dev sink', 'route add default dev sink'];

type ElementChange = TableChange & { kind: 'element' };

interface Net {
  first: number;
  length: number;
}

interface Layout {
  name: string;
  /** Of how many lengths of prefix the list is. */
  lengths: number;
  isInterval: boolean;
  /** Of the set that has the net. */
  setOf: (net: Net) => string;
  /** The body of a table with a chain "look", which looks a destination up. */
  rules: (sets: readonly string[]) => string;
}

const address = (number: number): string => addressFromNumber(BigInt(number), 'IPv4');
const mask = (length: number): string => address(2 ** 32 - 2 ** (32 - length));
/** As many as Weir has in a set of a longer list. */
const partOf = ({ first }: Net): number => Math.floor(first / (NETS_PER_SET * 2 ** (32 - LONGEST)));
/** How many bits the addresses of a part have in common. */
const PART_LENGTH = LONGEST - Math.log2(NETS_PER_SET);

const LAYOUTS: Layout[] = [5, 16].flatMap((lengths) => [
  {
    name: `one set of intervals, of ${lengths} lengths of prefix`,
    lengths,
    isInterval: true,
    setOf: () => 'nets',
    rules: () => 'chain look { ip daddr @nets accept; }',
  },
  {
    name: `${lengths} hash sets, one a length`,
    lengths,
    isInterval: false,
    setOf: ({ length }) => `length${length}`,
    rules: (sets) =>
      `chain look { ${sets.map((set) => `ip daddr & ${mask(Number(set.slice('length'.length)))} @${set} accept;`).join(' ')} }`,
  },
  {
    name: `sets of ${NETS_PER_SET.toLocaleString('en')} intervals by part of the addresses, of ${lengths} lengths`,
    lengths,
    isInterval: true,
    setOf: (net) => `part${partOf(net)}`,
    rules: (sets) =>
      [
        ...sets.map((set) => `chain look_${set} { ip daddr @${set} accept; }`),
        `chain look { ip daddr vmap { ${sets.map((set, index) => `${address(index * 2 ** (32 - PART_LENGTH))}/${PART_LENGTH} : goto look_${set}`).join(', ')} }; }`,
      ].join('\n'),
  },
]);

if (process.argv.includes(INSIDE)) process.stdout.write(JSON.stringify(measure()));
else report('sets', inNamespace());

/** A process that unshares its network has a namespace without anything, which goes with it. */
function inNamespace(): Row[] {
  const command = ['--net', process.execPath, import.meta.filename, INSIDE];
  return JSON.parse(execFileSync('unshare', command, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })) as Row[];
}

function measure(): Row[] {
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-sets-'));
  try {
    const flood = compile('flood.c', { path: folder });
    for (const command of SINK) execFileSync('/usr/sbin/ip', command.split(' '));
    using nftables = Nftables.open();
    using socket = NftSocket.open();
    const changes = LAYOUTS.flatMap((layout) => measureChanges(layout, { nftables, socket }));
    return [...changes, ...measurePackets(flood, nftables)];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function measureChanges(layout: Layout, { nftables, socket }: { nftables: Nftables; socket: NftSocket }): Row[] {
  progress(`changes: ${layout.name}`);
  const reference = tableOf(layout);
  const sets = [...new Set(Array.from({ length: NETS + CHANGES + CHANGES_BY_LIBRARY }, (_, index) => layout.setOf(netAt(index, layout))))];
  const flags = layout.isInterval ? 'flags interval; ' : '';
  const declared = sets.map((set) => `set ${set} { type ipv4_addr; ${flags}}`);
  nftables.run(
    `table inet ${reference.table} {\n${declared.join('\n')}\n${layout.rules(sets)}\nchain out { type filter hook output priority 0; }\n}`,
  );
  socket.apply(reference, bySet(Array.from({ length: NETS }, (_, index) => element('add', index, layout))));
  const replaced = (round: number) => [element('delete', round, layout), element('add', NETS + round, layout)];
  const raw = Array.from({ length: CHANGES }, (_, round) => timed(() => socket.apply(reference, replaced(round))));
  const library = Array.from({ length: CHANGES_BY_LIBRARY }, (_, round) =>
    timed(() =>
      nftables.run(
        replaced(CHANGES + round)
          .map((change) => scriptOf(change, reference))
          .join('\n'),
      ),
    ),
  );
  return [
    medianRow({ name: `a net in place of another, ${layout.name}`, unit: 'ms', samples: raw }),
    medianRow({ name: "the same by nft's own library", unit: 'ms', samples: library }),
  ];
}

function measurePackets(flood: string, nftables: Nftables): Row[] {
  const samples = new Map<Layout | undefined, number[]>([undefined, ...LAYOUTS].map((layout) => [layout, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    progress(`packets: round ${round + 1} of ${ROUNDS}`);
    for (const [layout, times] of samples) {
      const chain = layout && `inet ${tableOf(layout).table} out`;
      if (chain !== undefined) nftables.run(`add rule ${chain} jump look`);
      const command = ['--rr', '1', flood, '8.0.0.0', '7001', SECONDS, 'everywhere'];
      const [sent, seconds] = execFileSync('chrt', command, { encoding: 'utf8' }).split(' ').map(Number) as [number, number];
      if (chain !== undefined) nftables.run(`flush chain ${chain}`);
      times.push((1e9 * seconds) / sent);
    }
  }
  const series = (layout?: Layout): Series => ({
    name: layout === undefined ? 'a packet without a look-up' : `a packet looked up, ${layout.name}`,
    unit: 'ns',
    samples: samples.get(layout)!,
  });
  const without = series();
  const more = (one: Series): Series => ({
    ...one,
    name: `${one.name}: more than without`,
    samples: one.samples.map((time, round) => time - without.samples[round]!),
  });
  return [medianRow(without), ...LAYOUTS.map((layout) => medianRow(more(series(layout))))];
}

function tableOf(layout: Layout): TableReference {
  return { family: 'inet', table: `bench${LAYOUTS.indexOf(layout)}` };
}

function netAt(index: number, { lengths }: Layout): Net {
  return { first: index * 2 ** (32 - LONGEST), length: LONGEST + (index % lengths) };
}

function element(op: 'add' | 'delete', index: number, layout: Layout): ElementChange {
  const net = netAt(index, layout);
  const key = (number: number) => [{ type: 'ipv4_addr' as const, value: address(number) }];
  const to = layout.isInterval ? { to: key(net.first + 2 ** (32 - net.length) - 1) } : {};
  return { kind: 'element', op, set: layout.setOf(net), key: key(net.first), ...to };
}

/** Neighbours go in one message. */
function bySet(changes: ElementChange[]): ElementChange[] {
  return changes.sort((left, right) => (left.set < right.set ? -1 : left.set > right.set ? 1 : 0));
}

function scriptOf({ op, set, key, to }: ElementChange, { table }: TableReference): string {
  const range = [key, ...(to === undefined ? [] : [to])].map(([field]) => field!.value).join('-');
  return `${op} element inet ${table} ${set} { ${range} }`;
}

function timed(action: () => void): number {
  const start = performance.now();
  action();
  return performance.now() - start;
}
