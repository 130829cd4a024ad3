import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNamespace, deleteNamespace, Nftables, type NftObject, NftSocket, type TableReference } from '@weir/kernel';
import {
  baseTable,
  bridgeTable,
  difference,
  mutedRules,
  NETS_PER_SET,
  PolicyCalculator,
  type Rule,
  type RuleExpression,
  readTable,
  ruleText,
  type Statement,
  statementKey,
} from '@weir/policy';
import { anyObject, anyVariation, NftNamespace, structureScript, variation } from '@weir/policy/test-support';
import { type AnyObject, type Endpoint, parseObject } from '@weir/resources';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { KernelSets } from './kernel-sets.ts';
import { NftablesTable } from './nftables-table.ts';
import { tableChanges } from './table-changes.ts';

// What the kernel is told by raw nfnetlink is what nft would have told it: both ways end in tables that nft lists alike.

const BASE = baseTable({ agentPorts: [5051], healthChecks: 'Always', vxlan: { port: 4789, vni: 4096 } });

/** A table in a network namespace of its own. */
function open(t: ExecutionContext): { table: NftablesTable; nftables: Nftables; socket: NftSocket; reopen: () => NftablesTable } {
  const folder = mkdtempSync(join(tmpdir(), 'weir-nftables-table-'));
  const namespace = join(folder, 'netns');
  createNamespace(namespace);
  const nftables = Nftables.open({ namespace });
  const socket = NftSocket.open({ namespace });
  t.teardown(() => {
    nftables.close();
    socket.close();
    deleteNamespace(namespace);
    rmSync(folder, { recursive: true });
  });
  const reopen = () => new NftablesTable({ family: 'inet', table: 'weir' }, { nftables, socket });
  return { table: reopen(), nftables, socket, reopen };
}

/** A listing without what depends on the way that the table came about: its name, handles, and the order of chains, sets and elements. */
function listing(objects: readonly NftObject[]): Map<string, unknown> {
  const listed = new Map<string, unknown>();
  const rules = new Map<string, unknown[]>();
  for (const object of objects) {
    const [[kind, { handle: _, table: _table, ...value }]] = Object.entries(object) as [[string, Record<string, unknown>]];
    if (kind === 'rule') {
      const chain = String(value.chain);
      rules.set(chain, [...(rules.get(chain) ?? []), { ...value, expr: sorted(value.expr) }]);
    } else if (kind !== 'metainfo' && kind !== 'table') {
      listed.set(`${kind} ${value.name}`, { ...value, elem: sorted({ set: value.elem ?? [] }) });
    }
  }
  for (const [chain, list] of rules) listed.set(`rules of ${chain}`, list);
  return new Map([...listed].sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** Members of sets, wherever they are, in one order. */
function sorted(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(sorted);
  if (typeof json !== 'object' || json === null) return json;
  // Where a map says what its type is that of, nft takes a rule's port for that of the same protocol, if the map was there before the rule.
  if ('field' in json && json.field === 'dport') return { ...json, protocol: 'any' };
  return Object.fromEntries(
    Object.entries(json).map(([key, value]) => [
      key,
      key === 'set' && Array.isArray(value) ? value.map((member) => JSON.stringify(member)).sort() : sorted(value),
    ]),
  );
}

const listed = (json: unknown) => listing((json as { nftables: NftObject[] }).nftables);

/** Keys of what the kernel lists set by set, and nft otherwise when it lists all of it. */
function readInTwoWays(reference: TableReference, { nftables, socket }: { nftables: Nftables; socket: NftSocket }): string[] {
  const name = `${reference.family} ${reference.table}`;
  const whole = readTable({ nftables: nftables.list(name) }).statements;
  const bySet = readTable({ nftables: nftables.structure(name) }, new KernelSets(socket, reference)).statements;
  const { set, delete: more } = difference(whole, bySet);
  return [...set.keys(), ...more];
}

test('the table of the bridge family is read set by set, too', (t) => {
  const { nftables, socket } = open(t);
  const bridge = { family: 'bridge', table: 'weir' } as const;
  nftables.run(bridgeTable().script);
  const key = (type: 'ipv4_addr' | 'ipv6_addr', value: string) => [
    { type: 'ifname' as const, value: 'veth0' },
    { type, value },
  ];
  socket.apply(bridge, [
    { kind: 'element', op: 'add', set: 'address4', key: key('ipv4_addr', '10.0.0.1') },
    { kind: 'element', op: 'add', set: 'address6', key: key('ipv6_addr', 'fd00::1') },
    { kind: 'element', op: 'add', set: 'target6', key: key('ipv6_addr', 'fd00::1') },
  ]);
  t.deepEqual(readInTwoWays(bridge, { nftables, socket }), []);
  const read = readTable({ nftables: nftables.structure('bridge weir') }, new KernelSets(socket, bridge));
  t.true(read.statements.has('element/target6/veth0 . fd00::1'));
});

/** nft cannot say the rule that shows the agent DNS where the kernel has queues as iptables' target alone. */
const isWithoutNames = (object: AnyObject): boolean => !JSON.stringify(object).includes('"domains"');

test('random policies: every change ends in the table that nft would have made', (t) => {
  const { table, nftables, socket, reopen } = open(t);
  const nft = NftNamespace.create(t);
  nft.run(BASE.script);
  const objects = fc.sample(fc.array(anyObject.filter(isWithoutNames), { minLength: 12, maxLength: 30 }), { numRuns: 10, seed: 11 });
  const variations = fc.sample(fc.array(anyVariation, { minLength: 1, maxLength: 4 }), { numRuns: 10, seed: 11 });
  const calculator = new PolicyCalculator({ host: 'here', manyPeers: 2, netsPerSet: 2 });
  const desired = new Map<string, Statement>();
  let reads = 0;
  const step = () => {
    const change = calculator.flush();
    nft.apply(change, desired);
    for (const key of change.delete) desired.delete(key);
    for (const [key, statement] of change.set) desired.set(key, statement);
    table.desire(change);
    if (table.bringInStep(BASE)) reads += 1;
    t.deepEqual(listing(nftables.list('inet weir')!), listed(nft.list()));
    t.deepEqual(readInTwoWays({ family: 'inet', table: 'weir' }, { nftables, socket }), []);
  };
  let known: AnyObject[] = [];
  for (const [index, batch] of objects.entries()) {
    for (const object of batch) calculator.upsert(object);
    known = [...known, ...batch];
    step();
    for (const varied of variations[index]!) {
      const changed = variation(known, varied);
      calculator.upsert(changed);
      known = [...known, changed];
    }
    step();
  }
  t.is(reads, 1, 'the kernel refused nothing: what is there was read at the start only');

  const restarted = reopen();
  restarted.desire({ set: desired, delete: new Set() });
  t.true(restarted.bringInStep(BASE));
  t.deepEqual(listing(nftables.list('inet weir')!), listed(nft.list()), 'one that starts finds what the other one left');

  for (const { kind, metadata } of known) calculator.remove(kind, metadata.name, metadata.namespace);
  step();
  t.is(desired.size, 0);
});

test('what somebody else took away or put in is made good', (t) => {
  const { table, nftables } = open(t);
  const calculator = new PolicyCalculator({ host: 'here' });
  for (const object of fc.sample(fc.array(anyObject, { minLength: 30, maxLength: 30 }), { numRuns: 1, seed: 5 }).flat())
    calculator.upsert(object);
  const change = calculator.flush();
  table.desire(change);
  t.true(table.bringInStep(BASE));
  const whole = listing(nftables.list('inet weir')!);
  t.false(table.bringInStep(BASE));
  nftables.run('flush ruleset');
  table.forgetActual();
  t.true(table.bringInStep(BASE));
  t.deepEqual(listing(nftables.list('inet weir')!), whole);

  // Everything would pass, and the table still says which version it is of.
  for (const command of ['flush chain inet weir forward', 'add rule inet weir to accept']) {
    nftables.run(command);
    table.forgetActual();
    t.true(table.bringInStep(BASE));
    t.deepEqual(listing(nftables.list('inet weir')!), whole, command);
  }

  // Without a word, and now a change comes that cannot be made of what was thought to be there.
  nftables.run('flush ruleset');
  table.desire({ set: new Map(), delete: new Set(change.set.keys()) });
  t.true(table.bringInStep(BASE), 'the kernel refuses it, so what is there is read, and it is made from there');
  table.desire(change);
  t.false(table.bringInStep(BASE));
  t.deepEqual(listing(nftables.list('inet weir')!), whole);
});

test('a long list of nets is what nft would have made of it, is found again as it is, and what changes of it is what changed', (t) => {
  const { table, nftables, socket, reopen } = open(t);
  const nft = NftNamespace.create(t);
  nft.run(BASE.script);
  const object = (kind: string, name: string, spec: object) =>
    parseObject({ apiVersion: 'weir/v1', kind, metadata: { name, namespace: 'shop', labels: { list: 'refused' } }, spec });
  const list = (...nets: string[]) => object('NetworkSet', 'refused', { nets });
  // Single addresses are looked up otherwise, and what touches becomes one; up to the highest address no interval ends.
  const nets = [
    ...Array.from({ length: 1500 }, (_, at) => `20.${at >> 5}.0.${(at & 31) * 8}/30`),
    ...Array.from({ length: 100 }, (_, at) => `2001:db8:${at * 2}::/48`),
    '255.255.255.254/31',
    'ff00::/8',
  ];
  const calculator = new PolicyCalculator({ host: 'here', netsPerSet: 400 });
  const spec = { host: 'here', containerId: 'web', network: 'weir', interfaceName: 'eth0', hostInterface: 'weirweb' };
  calculator.upsert(object('Endpoint', 'web-eth0', { ...spec, addresses: ['10.0.0.1', 'fd00::1'] }));
  const ingress = [{ action: 'Deny', source: { selector: "list == 'refused'" } }, { action: 'Allow' }];
  calculator.upsert(object('Policy', 'web', { selector: 'all()', ingress }));
  const desired = new Map<string, Statement>();
  const step = (object: AnyObject, using = table) => {
    calculator.upsert(object);
    const change = calculator.flush();
    nft.apply(change, desired);
    for (const key of change.delete) desired.delete(key);
    for (const [key, statement] of change.set) desired.set(key, statement);
    using.desire(change);
    using.bringInStep(BASE);
    t.deepEqual(listing(nftables.list('inet weir')!), listed(nft.list()));
  };
  step(list(...nets));
  t.is([...desired.values()].filter(({ kind }) => kind === 'intervals').length, 8, 'of IPv4 in parts, of IPv6 not');
  step(list(...nets.with(700, '30.0.0.0/30'), '20.0.0.4/30'));

  const restarted = reopen();
  restarted.desire({ set: desired, delete: new Set() });
  const { transactions } = socket;
  t.true(restarted.bringInStep(BASE));
  t.is(socket.transactions, transactions, 'nothing differs');
  step(list(...nets.slice(900)), restarted);
  step(list(nets[0]!), restarted);
});

/** What another version of Weir may have had otherwise. */
const OTHERWISE: [what: string, ...commands: string[]][] = [
  ['the version alone', 'flush chain inet weir version', 'add rule inet weir version return comment "0123456789abcdef0123-40"'],
  ['a hook more', 'add chain inet weir former { type filter hook forward priority -7; policy drop; }'],
  [
    'a hook at another place',
    'flush chain inet weir forward',
    'delete chain inet weir forward',
    'add chain inet weir forward { type nat hook postrouting priority 3; }',
  ],
  [
    'a set of another type',
    'delete set inet weir flannel4',
    'add set inet weir flannel4 { type ifname; flags interval; }',
    'add element inet weir flannel4 { "eth*" }',
  ],
  [
    'a set where a map is',
    'flush chain inet weir forward_in',
    'delete map inet weir any_forward_in',
    'add set inet weir any_forward_in { type mark; elements = { 7 } }',
  ],
  [
    'what we cannot read',
    'add map inet weir former { type mark : mark; elements = { 7 : 8 } }',
    'add counter inet weir former',
    'add rule inet weir to counter name former',
  ],
  [
    'a chain where an interface leads to',
    'add chain inet weir g_former',
    'add rule inet weir g_former accept',
    'add element inet weir to_endpoint { weirformer : goto g_former }',
  ],
];

/** Policies of all kinds, a set of many peers, and a long list of nets. */
function anyTable(): { set: ReadonlyMap<string, Statement>; delete: ReadonlySet<string> } {
  const calculator = new PolicyCalculator({ host: 'here', manyPeers: 3 });
  for (const object of fc.sample(fc.array(anyObject, { minLength: 60, maxLength: 60 }), { numRuns: 1, seed: 23 }).flat())
    calculator.upsert(object);
  const nets = Array.from({ length: NETS_PER_SET + 8 }, (_, at) => `20.${at >> 5}.0.${(at & 31) * 8}/30`);
  const object = (kind: string, name: string, spec: object) =>
    parseObject({ apiVersion: 'weir/v1', kind, metadata: { name, labels: { list: 'refused' } }, spec });
  calculator.upsert(object('GlobalNetworkSet', 'refused', { nets }));
  const refusal = { action: 'Deny', source: { selector: "list == 'refused'", namespaceSelector: 'global()' } };
  calculator.upsert(object('GlobalPolicy', 'refused', { order: -1, ingress: [refusal, { action: 'Pass' }] }));
  const spec = (name: string) => ({
    host: 'here',
    containerId: name,
    network: 'weir',
    interfaceName: 'eth0',
    hostInterface: `weir${name}`,
  });
  for (const at of [1, 2, 3, 4, 5])
    calculator.upsert(object('Endpoint', `many${at}`, { ...spec(`many${at}`), addresses: [`10.9.0.${at}`, `fd09::${at}`] }));
  const egress = { action: 'Allow', destination: { selector: "list == 'refused'", namespaceSelector: 'all()' } };
  calculator.upsert(
    object('GlobalPolicy', 'many', { order: -2, egress: [egress, { action: 'Allow', destination: { domains: ['a.test'] } }] }),
  );
  return calculator.flush();
}

test('a table of another version of Weir is replaced by one transaction, whatever is in it', (t) => {
  const { table, nftables, socket, reopen } = open(t);
  const change = anyTable();
  t.true(
    [...change.set.keys()].some((key) => key.startsWith('map/') && key.endsWith('_parts')),
    'among them a list of nets, in parts',
  );
  t.true(
    [...change.set.keys()].some((key) => key.startsWith('map/m_')),
    'and many peers',
  );
  table.desire(change);
  table.bringInStep(BASE);
  const whole = listing(nftables.list('inet weir')!);
  for (const [what, ...commands] of OTHERWISE) {
    nftables.run('flush chain inet weir version');
    nftables.run(`${commands.join('\n')}\n`);
    t.notDeepEqual(listing(nftables.list('inet weir')!), whole, what);
    const [scripts, changes] = [nftables.transactions, socket.transactions];
    const next = reopen();
    next.desire(change);
    t.true(next.bringInStep(BASE), what);
    t.deepEqual(listing(nftables.list('inet weir')!), whole, what);
    t.is(nftables.transactions, scripts + 1, what);
    // What text cannot say on every kernel comes behind: until then DNS answers pass, as they do while no agent runs.
    t.is(socket.transactions, changes + 1, `${what}: sets that lead nowhere stay as they are`);
    t.false(next.bringInStep(BASE));
  }
});

test('what is in the way under a name that policy needs is replaced', (t) => {
  const { table, nftables, reopen } = open(t);
  const change = anyTable();
  nftables.run(BASE.script);
  for (const { kind, name } of change.set.values().filter((statement) => statement.kind === 'map'))
    nftables.run(`add ${kind} inet weir ${name} { type mark : mark; }`);
  table.desire(change);
  table.bringInStep(BASE);
  const replaced = listing(nftables.list('inet weir')!);
  nftables.run('delete table inet weir');
  const next = reopen();
  next.desire(change);
  next.bringInStep(BASE);
  t.deepEqual(replaced, listing(nftables.list('inet weir')!));
});

test('what somebody broke of one endpoint is named, and nothing that is another one’s', (t) => {
  const { table, nftables } = open(t);
  const endpoint = (name: string, address: string) => ({
    apiVersion: 'weir/v1',
    kind: 'Endpoint',
    metadata: { name: `${name}-eth0`, namespace: 'default', labels: { run: name } },
    spec: { host: 'here', containerId: name, network: 'weir', interfaceName: 'eth0', hostInterface: `weir${name}`, addresses: [address] },
  });
  const web = parseObject(endpoint('web', '10.0.0.1')) as Endpoint;
  const policy = {
    apiVersion: 'weir/v1',
    kind: 'Policy',
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: "run == 'web'", ingress: [{ action: 'Allow', source: { selector: "run == 'db'" } }] },
  };
  const calculator = new PolicyCalculator({ host: 'here' });
  for (const object of [web, parseObject(endpoint('db', '10.0.0.2')), parseObject(policy)]) calculator.upsert(object);
  const change = calculator.flush();
  table.desire(change);
  table.bringInStep(BASE);
  const db = { ...web.spec, hostInterface: 'weirdb', addresses: ['10.0.0.2'] };
  t.deepEqual([table.drift(web.spec, BASE), table.drift(db, BASE)], [[], []]);

  nftables.run('delete element inet weir to_endpoint { weirweb }\ndelete element inet weir source4 { weirweb . 10.0.0.1 }');
  t.deepEqual(table.drift(web.spec, BASE).toSorted(), [
    'table inet weir: element/source4/weirweb . 10.0.0.1 is missing',
    'table inet weir: element/to_endpoint/weirweb is missing',
  ]);
  t.deepEqual(table.drift(db, BASE), []);
  table.forgetActual();
  table.bringInStep(BASE);

  const peers = [...change.set.values()].find((statement) => statement.kind === 'element' && statement.set.startsWith('p_'))!;
  const peerMap = peers.kind === 'element' ? peers.set : '';
  nftables.run(`flush map inet weir ${peerMap}`);
  t.deepEqual(table.drift(web.spec, BASE), [`table inet weir: element/${peerMap}/10.0.0.2 is missing`]);
  table.forgetActual();
  table.bringInStep(BASE);

  const group = [...change.set.values()].find((statement) => statement.kind === 'chain' && statement.name.startsWith('g_'))!;
  const name = group.kind === 'chain' ? group.name : '';
  nftables.run(`flush chain inet weir ${name}`);
  t.regex(table.drift(web.spec, BASE).join(), new RegExp(`^table inet weir: chain/${name} has 0 rules, not \\d$`));
  t.deepEqual(table.drift(db, BASE), []);
  nftables.run('flush ruleset');
  t.deepEqual(table.drift(web.spec, BASE), ['table inet weir: it is gone']);
});

const disjointRanges = (highest: number) =>
  fc.uniqueArray(fc.nat(highest), { minLength: 2, maxLength: 10 }).map((edges) => {
    const ordered = edges.sort((left, right) => left - right);
    return ordered.flatMap((first, at): [number, number][] => {
      if (at % 2 === 1) return [];
      // Every third is one value; neighbours leave a gap, since nft itself would merge them.
      return [[first, at % 3 === 0 ? first : Math.max(first, ordered[at + 1] === undefined ? first : ordered[at + 1]! - 1)]];
    });
  });
const AXES = [
  [['tcp sport', 'tcp dport'], 0xffff],
  [['udp sport', 'udp dport'], 0xffff],
  [['sctp sport', 'sctp dport'], 0xffff],
  [['udplite sport', 'udplite dport'], 0xffff],
  [['icmp type', 'icmp code'], 0xff],
  [['icmpv6 type', 'icmpv6 code'], 0xff],
] as const;
const anyMatch: fc.Arbitrary<RuleExpression> = fc.oneof(
  fc.constantFrom(0x0800, 0x86dd).map((type): RuleExpression => ({ kind: 'match', fields: ['meta protocol'], members: [[[type, type]]] })),
  fc.tuple(fc.uniqueArray(fc.nat(0xff), { minLength: 1, maxLength: 4 }), fc.boolean()).map(
    ([protocols, not]): RuleExpression => ({
      kind: 'match',
      fields: ['meta l4proto'],
      ...(not && { not: true as const }),
      members: protocols.map((protocol) => [[protocol, protocol]]),
    }),
  ),
  ...AXES.flatMap(([[first, second], highest]) => [
    ...[first, second].map((field) =>
      fc.tuple(disjointRanges(highest), fc.boolean()).map(
        ([ranges, not]): RuleExpression => ({
          kind: 'match',
          fields: [field],
          ...(not && { not: true as const }),
          members: ranges.map((range) => [range]),
        }),
      ),
    ),
    fc.tuple(disjointRanges(highest), disjointRanges(highest)).map(
      ([across, down]): RuleExpression => ({
        kind: 'match',
        fields: [first, second],
        members: across.map((range, at) => [range, down[at % down.length]!]),
      }),
    ),
  ]),
);
const anyRule: fc.Arbitrary<Rule> = fc.oneof(
  fc
    .tuple(
      anyMatch,
      fc.constantFrom<RuleExpression[]>(
        [{ kind: 'verdict', verdict: { kind: 'drop' } }],
        [{ kind: 'verdict', verdict: { kind: 'goto', chain: 'c_0' } }],
        [{ kind: 'log', prefix: 'default/web: ', group: 7 }],
        [
          { kind: 'log', prefix: 'x', group: 7 },
          { kind: 'verdict', verdict: { kind: 'return' } },
        ],
      ),
      fc.option(fc.constant('why'), { nil: undefined }),
    )
    .map(([match, rest, comment]) => ({ expressions: [match, ...rest], ...(comment !== undefined && { comment }) })),
  fc
    .constantFrom<RuleExpression[]>(
      [{ kind: 'vmap', field: 'ip saddr', map: 'p_4' }],
      [{ kind: 'vmap', field: 'ip daddr', map: 'p_4' }],
      [{ kind: 'vmap', field: 'ip6 saddr', map: 'p_6' }],
      [{ kind: 'vmap', field: 'ip6 daddr', map: 'p_6' }],
      [
        { kind: 'member', field: 'ip saddr', set: 'm_4' },
        { kind: 'verdict', verdict: { kind: 'goto', chain: 'c_0' } },
      ],
      [
        { kind: 'member', field: 'ip6 daddr', set: 'm_6' },
        { kind: 'verdict', verdict: { kind: 'return' } },
      ],
      [
        {
          kind: 'vmap',
          field: 'ip daddr',
          map: [
            { address: '10.0.0.1', verdict: { kind: 'drop' } },
            { address: '10.0.0.2', verdict: { kind: 'goto', chain: 'c_0' } },
          ],
        },
      ],
      [{ kind: 'vmap', field: 'ip6 saddr', map: [{ address: 'fd00::1', verdict: { kind: 'return' } }] }],
    )
    .map((expressions) => ({ expressions, comment: 'who' })),
);

for (const family of ['inet', 'bridge'] as const) {
  test(`any rule is to the kernel what nft makes of its text, in tables of family ${family}`, (t) => {
    const { nftables, socket } = open(t);
    const rules = fc.sample(anyRule, { numRuns: 400, seed: 3 });
    const statements: Statement[] = [
      { kind: 'chain', name: 'c_0', rules: [{ expressions: [{ kind: 'verdict', verdict: { kind: 'accept' } }] }] },
      { kind: 'map', name: 'p_4', type: 'ipv4_addr : verdict', interval: false },
      { kind: 'map', name: 'p_6', type: 'ipv6_addr : verdict', interval: true },
      { kind: 'map', name: 'p_ports', type: 'inet_proto . inet_service : ipv4_addr . inet_service', interval: false },
      { kind: 'map', name: 'p_services', type: 'inet_proto . inet_service : verdict', interval: true },
      { kind: 'map', name: 'm_4', type: 'ipv4_addr', interval: false },
      { kind: 'map', name: 'm_6', type: 'ipv6_addr', interval: false },
      { kind: 'map', name: 'p_links', type: 'ifname : verdict', interval: false },
      { kind: 'chain', name: 'c_1', rules },
    ];
    nftables.run(`add table ${family} raw\nadd table ${family} text`);
    nftables.run(structureScript(`${family} text`, { create: statements }));
    const set = new Map(statements.map((statement) => [statementKey(statement), statement]));
    socket.apply({ family, table: 'raw' }, tableChanges({ set, delete: new Set() }, new Map()));
    const list = (table: string) => listing(nftables.list(`${family} ${table}`)!);
    const [ours, nfts] = [list('raw'), list('text')];
    for (const [at, rule] of rules.entries()) {
      const of = (listed: Map<string, unknown>) => (listed.get('rules of c_1') as unknown[])[at];
      t.deepEqual(of(ours), of(nfts), JSON.stringify(rule));
    }
    t.deepEqual(ours, nfts);
  });
}

test('who is muted changes by the rules of one chain, which nft would have made the same, and is read at the start', (t) => {
  const { table, nftables, reopen } = open(t);
  const nft = NftNamespace.create(t);
  const whom = { sources: ['10.0.0.1', 'fd00::1', 'fd00::2'], destinations: ['10.0.0.9'] };
  const rules = mutedRules(whom)!;
  const inKernel = () => listing(nftables.list('inet weir')!);
  const byNft = () => listed(nft.list());
  nft.run(BASE.script);
  table.bringInStep(BASE);
  for (const address of ['10.0.0.7', '10.0.0.1']) {
    const one = mutedRules({ sources: [address], destinations: [] })!;
    table.desire({ set: new Map([[statementKey(one), one]]), delete: new Set() });
    table.bringInStep(BASE);
  }
  table.desire({ set: new Map([[statementKey(rules), rules]]), delete: new Set() });
  t.false(table.bringInStep(BASE), 'the kernel refused nothing');
  for (const text of ['ip saddr 10.0.0.1', 'ip6 saddr { fd00::1, fd00::2 }', 'ip daddr 10.0.0.9'])
    nft.run(`add rule inet weir muted ${text} drop`);
  t.deepEqual(inKernel(), byNft());

  const restarted = reopen();
  restarted.bringInStep(BASE);
  nft.run('flush chain inet weir muted');
  t.deepEqual(inKernel(), byNft(), 'an agent that starts hears everybody');

  nftables.run('delete chain inet weir version');
  restarted.desire({ set: new Map([[statementKey(rules), rules]]), delete: new Set() });
  restarted.forgetActual();
  restarted.bringInStep(BASE);
  for (const rule of rules.rules!) nft.run(`add rule inet weir muted ${ruleText(rule)}`);
  t.deepEqual(inKernel(), byNft(), 'and who is muted stays so when the whole table is made anew');
});
