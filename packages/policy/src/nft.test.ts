import type { AnyObject } from '@weir/resources';
import test from 'ava';
import fc from 'fast-check';
import { PolicyCalculator } from './calculator.ts';
import { baseTable } from './fixed-tables/base-table.ts';
import { useOf } from './fixed-tables/table-use.ts';
import { readTable } from './statements/read-table.ts';
import { difference, type KeyField, type Statement, statementKey } from './statements/statement.ts';
import { anyObject, anyVariation, variation } from './test-support/arbitraries.ts';
import { NftNamespace } from './test-support/nft.ts';
import { endpoint, policy } from './test-support/objects.ts';
import { TableWalk } from './test-support/table-walk.ts';

// What the package writes is what nft 1.0.6 and the kernel take, and what they say of it is read back as what was wanted.

const BASE = baseTable({ agentPorts: [5051], healthChecks: 'Always', vxlan: { port: 4789, vni: 4096 } });

function follow(table: Map<string, Statement>, change: { set: ReadonlyMap<string, Statement>; delete: ReadonlySet<string> }): void {
  for (const key of change.delete) table.delete(key);
  for (const [key, statement] of change.set) table.set(key, statement);
}

/** Names take a queue, which a kernel may lack (CONFIG_NFT_QUEUE). */
const withoutNames = <T>(value: T): T => JSON.parse(JSON.stringify(value, (key, inner) => (key === 'domains' ? undefined : inner))) as T;

test('random policies load, change in place and are read back', (t) => {
  const nft = NftNamespace.create(t);
  nft.run(BASE.script);
  const objects = withoutNames(fc.sample(fc.array(anyObject, { minLength: 12, maxLength: 30 }), { numRuns: 12, seed: 7 }));
  const variations = withoutNames(fc.sample(fc.array(anyVariation, { minLength: 1, maxLength: 4 }), { numRuns: 12, seed: 7 }));
  const table = new Map<string, Statement>();
  const calculator = new PolicyCalculator({ host: 'here' });
  const step = () => {
    const change = calculator.flush();
    nft.apply(change, table);
    follow(table, change);
    const actual = readTable(nft.list());
    const { set, delete: superfluous } = difference(table, actual.statements);
    t.deepEqual([[...set.keys()], [...superfluous]], [[], []]);
  };
  let known: AnyObject[] = [];
  for (const [index, batch] of objects.entries()) {
    for (const object of batch) calculator.upsert(object);
    known = [...known, ...batch];
    step();
    for (const varied of variations[index]!) calculator.upsert(variation(known, varied));
    step();
  }
  for (const { kind, metadata } of known) calculator.remove(kind, metadata.name, metadata.namespace);
  step();
  t.is(table.size, 0);
});

test('a product of two long lists of ports is two look-ups, whether it is allowed or denied', (t) => {
  const ports = (first: number) => Array.from({ length: 300 }, (_, index) => first + 2 * index);
  for (const action of ['Allow', 'Deny'] as const) {
    const nft = NftNamespace.create(t);
    nft.run(BASE.script);
    const calculator = new PolicyCalculator({ host: 'here' });
    calculator.upsert(endpoint('nginx', { run: 'nginx' }, { addresses: ['10.0.0.1'] }));
    const product = { action, protocol: 'TCP', source: { ports: ports(1001) }, destination: { ports: ports(2001) } };
    calculator.upsert(policy('product', { ingress: [product, { action: action === 'Allow' ? 'Deny' : 'Allow' }] }));
    const { set } = calculator.flush();
    nft.apply({ set, delete: new Set() }, new Map());
    const chain = [...set.values()].find((statement) => statement.kind === 'chain' && statement.name.startsWith('c_'));
    t.true(JSON.stringify(chain).length < 20_000, action);
    const walk = new TableWalk(new Map(set));
    for (const [sourcePort, destinationPort] of [
      [1001, 2001],
      [1599, 2599],
      [1002, 2001],
      [1001, 2002],
      [999, 2001],
    ] as const) {
      const { verdict } = walk.verdict('weirnginx', 'Ingress', {
        source: '10.0.0.9',
        destination: '10.0.0.1',
        protocol: 6,
        sourcePort,
        destinationPort,
      });
      const isIn = sourcePort % 2 === 1 && destinationPort % 2 === 1 && sourcePort > 1000;
      t.is(verdict, isIn === (action === 'Allow') ? 'Allow' : 'Deny', `${action} ${sourcePort} ${destinationPort}`);
    }
  }
});

test('another base replaces the base chains and keeps what the maps hold', (t) => {
  const nft = NftNamespace.create(t);
  nft.run(BASE.script);
  const calculator = new PolicyCalculator({ host: 'here' });
  calculator.upsert(endpoint('nginx', { run: 'nginx' }, { addresses: ['10.0.0.1', 'fd00::1'], hostInterface: 'tap0' }));
  calculator.upsert(policy('web', { ingress: [{ action: 'Allow', source: { nets: ['0.0.0.0/1', 'fd00::/8'] } }] }));
  const { set } = calculator.flush();
  nft.apply({ set, delete: new Set() }, new Map());

  const other = baseTable({ agentPorts: [], healthChecks: 'Policy', vxlan: { port: 4789, vni: 4096 } });
  t.not(other.version, BASE.version);
  nft.run(other.script);
  const actual = readTable(nft.list());
  t.is(actual.version, other.version);
  t.deepEqual([...actual.statements.keys()].sort(), [...set.keys()].sort());
  t.deepEqual(difference(set, actual.statements), { set: new Map(), delete: new Set() });
  nft.run(other.script);
  t.deepEqual(readTable(nft.list()), actual);
});

test('hooks come and go with what the table is used for, and its elements stay', (t) => {
  const nft = NftNamespace.create(t);
  const calculator = new PolicyCalculator({ host: 'here' });
  calculator.upsert(endpoint('nginx', { run: 'nginx' }, { addresses: ['10.0.0.1'], mac: '02:00:5e:10:00:01', hostInterface: 'weirnginx' }));
  const baseFor = (...sets: string[]) =>
    baseTable({
      agentPorts: [5051],
      healthChecks: 'Always',
      vxlan: { port: 4789, vni: 4096 },
      use: useOf({ isUsed: (set) => sets.includes(set), links: false, policies: false }),
    });
  nft.run(baseFor().script);
  const { set } = calculator.flush();
  nft.apply({ set, delete: new Set() }, new Map());
  for (const [sets, hooks] of [
    [['to_endpoint'], ['filter forward', 'filter input', 'filter output', 'filter prerouting']],
    [
      ['to_endpoint', 'nat4'],
      ['filter forward', 'filter input', 'filter output', 'filter prerouting', 'nat output', 'nat postrouting', 'nat prerouting'],
    ],
    [[], ['filter input']],
    [
      ['to_endpoint', 'dns_client4'],
      ['filter forward', 'filter input', 'filter output', 'filter postrouting', 'filter prerouting'],
    ],
  ] as const) {
    const { version, script } = baseFor(...sets);
    nft.run(script);
    const listed = nft.list() as { nftables: { chain?: { type?: string; hook?: string } }[] };
    const found = listed.nftables.flatMap(({ chain }) => (chain?.hook === undefined ? [] : [`${chain.type} ${chain.hook}`]));
    t.deepEqual(found.sort(), hooks);
    const actual = readTable(listed);
    t.is(actual.version, version);
    t.deepEqual(difference(set, actual.statements), { set: new Map(), delete: new Set() });
  }
});

test('maps of data change in place and are read back', (t) => {
  const nft = NftNamespace.create(t);
  nft.run(
    [
      'add table inet weir',
      'add map inet weir ports4 { type inet_proto . inet_service : ipv4_addr . inet_service; }',
      'add map inet weir ports6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }',
      'add map inet weir marks { type ipv4_addr : inet_service; }',
    ].join('\n'),
  );
  const port = (value: number): KeyField => ({ type: 'inet_service', value });
  const protocol = (value: number): KeyField => ({ type: 'inet_proto', value });
  const element = (set: string, key: KeyField[], data: KeyField[]): Statement => ({ kind: 'element', set, key, data });
  const wanted = (target: number) =>
    new Map(
      [
        ...[6, 17, 132].map((number) =>
          element('ports4', [protocol(number), port(80)], [{ type: 'ipv4_addr', value: '10.0.0.1' }, port(target)]),
        ),
        element(
          'ports6',
          [{ type: 'ipv6_addr', value: 'fd00::1' }, protocol(6), port(80)],
          [{ type: 'ipv6_addr', value: 'fd01::1' }, port(1)],
        ),
        element('marks', [{ type: 'ipv4_addr', value: '10.0.0.1' }], [port(target)]),
      ].map((statement) => [statementKey(statement), statement]),
    );
  const [before, after] = [wanted(8080), wanted(8081)];
  nft.apply({ set: before, delete: new Set() }, new Map());
  const actual = readTable(nft.list()).statements;
  t.deepEqual(difference(before, actual), { set: new Map(), delete: new Set() });
  const change = difference(after, actual);
  t.is(change.set.size, 4, 'equal keys with other data differ');
  nft.apply(change, before);
  t.deepEqual(difference(after, readTable(nft.list()).statements), { set: new Map(), delete: new Set() });
});

test('a table that is not there reads as empty, and foreign text is refused', (t) => {
  t.deepEqual(readTable(undefined), { statements: new Map() });
  t.throws(() => readTable({ tables: [] }), { code: 'ETABLE' });
  const odd = { nftables: [{ map: { name: 'to_endpoint', type: 'ifname', map: 'verdict', elem: [['weir1', { queue: { num: 1 } }]] } }] };
  t.throws(() => readTable(odd), { code: 'ETABLE', message: /queue/ });
});
