import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNamespace, deleteNamespace, Nftables, NftGeneration, NftSocket, type TableChange } from '@weir/kernel';
import { baseTable, PolicyCalculator } from '@weir/policy';
import { endpoint, networkSet, policy, service } from '@weir/policy/test-support';
import type { AnyObject, Endpoint } from '@weir/resources';
import test, { type ExecutionContext } from 'ava';
import { NftablesTable } from './nftables-table.ts';

// What a change of one object is to the kernel: how many elements, chains and maps, in how many transactions, whatever the size of the cluster.

const BASE = baseTable({ agentPorts: [5051], healthChecks: 'Always', vxlan: { port: 4789, vni: 4096 } });

const client = (index: number, labels = {}): Endpoint =>
  endpoint(`client${index}`, { app: 'client', ...labels }, { addresses: [`10.1.${index >> 8}.${index & 255}`], host: 'there' });
const server = (index: number): Endpoint => endpoint(`server${index}`, { app: 'server' }, { addresses: [`10.2.0.${index}`] });
const web = (index: number, spec: object = {}): Endpoint =>
  endpoint(`web${index}`, { app: 'web' }, { addresses: [`10.3.0.${index}`], host: 'there', ...spec });
const blocked = (...more: string[]): AnyObject =>
  networkSet('blocked', { list: 'blocked' }, ['198.51.100.0/24', '203.0.113.0/25', '192.0.2.1/32', ...more]);
const tcp = { action: 'Allow', protocol: 'TCP' };
const serverPolicy = (port: number): AnyObject =>
  policy('server', {
    selector: "app == 'server'",
    ingress: [
      { action: 'Deny', source: { selector: "list == 'blocked'" } },
      { ...tcp, source: { selector: "app == 'client'" }, destination: { ports: [port] } },
      { action: 'Allow', protocol: 'UDP', destination: { ports: [53] } },
    ],
  });

/** Each with as many clients elsewhere, and as many further policies with endpoints elsewhere. */
function cluster(size: number): AnyObject[] {
  const others = Array.from({ length: size }, (_, index) => [
    client(index),
    policy(`other${index}`, { selector: `app == 'other${index}'`, ingress: [{ ...tcp, source: { selector: `app == 'client'` } }] }),
  ]);
  return [
    ...others.flat(),
    server(1),
    server(2),
    endpoint('backend', { app: 'backend' }, { addresses: ['10.2.1.1'] }),
    serverPolicy(80),
    policy('backend', {
      selector: "app == 'backend'",
      ingress: [{ ...tcp, source: { selector: "app == 'server'" }, destination: { ports: [5432] } }],
    }),
    blocked(),
    ...[1, 2, 3].map((index) => web(index)),
    service('web', { selector: "app == 'web'" }),
  ];
}

/** A table in a network namespace of its own, with all of a cluster in force. */
function open(t: ExecutionContext, objects: readonly AnyObject[]) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-change-size-'));
  const namespace = join(folder, 'netns');
  createNamespace(namespace);
  const nftables = Nftables.open({ namespace });
  const socket = NftSocket.open({ namespace });
  const generation = NftGeneration.open({ namespace });
  t.teardown(() => {
    for (const opened of [nftables, socket, generation]) opened.close();
    deleteNamespace(namespace);
    rmSync(folder, { recursive: true });
  });
  let told: TableChange[] = [];
  const listening = {
    apply(...[table, changes]: Parameters<NftSocket['apply']>) {
      told = [...changes];
      socket.apply(table, changes);
    },
  } as NftSocket;
  const table = new NftablesTable({ family: 'inet', table: 'weir' }, { nftables, socket: listening });
  const calculator = new PolicyCalculator({ host: 'here' });
  const apply = (change: () => void) => {
    change();
    table.desire(calculator.flush());
    const before = generation.read();
    table.bringInStep(BASE);
    return { transactions: generation.read() - before, changes: told.flatMap(described).sort() };
  };
  apply(() => {
    for (const object of objects) calculator.upsert(object);
  });
  return {
    put: (object: AnyObject) => apply(() => calculator.upsert(object)),
    remove: ({ kind, metadata }: AnyObject) => apply(() => calculator.remove(kind, metadata.name, metadata.namespace)),
  };
}

/** Without hashes, and without the numbers of programs. Many intervals are one change, and as many elements. */
function described(change: TableChange): string[] {
  const sign = change.op === 'add' ? '+' : '-';
  const text = (kind: string, name: string) => `${sign} ${kind} ${name.replace(/^([a-z])_.*?(_[an])?$/, '$1_$2')}`;
  if (change.kind === 'intervals') {
    const count = change.bytes.length / (change.type === 'ipv4_addr' ? 8 : 32);
    return Array.from({ length: count }, () => text('element', change.set));
  }
  return [text(change.kind, 'name' in change ? change.name : 'set' in change ? change.set : change.chain)];
}

const OWN = ['any_mac', 'from_endpoint', 'local4', 'source4', 'to_endpoint'];

/** Those peers of servers that other rules than that of the clients speak of: the network set's. */
const BY_OTHERS = ['element p__a', 'element p__n', 'element p__n'];

for (const size of [100, 300]) {
  test(`with ${size} clients and as many policies, a change of one member is one element, in one transaction`, (t) => {
    const { put, remove } = open(t, cluster(size));
    const one = (...changes: string[]) => ({ transactions: 1, changes });
    const none = { transactions: 0, changes: [] };
    t.deepEqual(put(client(size)), one('+ element m_'), 'an endpoint elsewhere');
    t.deepEqual(put(client(size, { version: '2' })), none, 'a label that no rule names');
    t.deepEqual(put(client(size, { app: 'none' })), one('- element m_'), 'a label that one does');
    t.deepEqual(put(client(size)), one('+ element m_'), 'and back');
    t.deepEqual(remove(client(size)), one('- element m_'), 'an endpoint elsewhere that is gone');
    t.deepEqual(put(blocked('100.64.0.0/26')), one('+ element p__n'), 'a net of a network set');
    t.deepEqual(put(blocked('100.64.9.0/26')), one('+ element p__n', '- element p__n'), 'another net instead');
    t.deepEqual(
      put(blocked('203.0.113.128/25')),
      one('+ element p__n', '- element p__n', '- element p__n'),
      'and one that continues another',
    );
    t.deepEqual(put(blocked('192.0.2.9/32')), one('+ element p__a', '+ element p__n', '- element p__n'), 'a single address instead');
    t.deepEqual(put(blocked()), one('- element p__a'));
    t.deepEqual(put(policy('other', { selector: "app == 'nobody'" })), none, 'a policy of nobody here');
  });

  test(`with ${size} clients and as many policies, an endpoint with rules that others have is its own elements, and one for each who names it`, (t) => {
    const { put, remove } = open(t, cluster(size));
    const own = (sign: string) => [...OWN, 'p__a'].map((set) => `${sign} element ${set}`).sort();
    t.deepEqual(put(server(3)), { transactions: 1, changes: own('+') });
    t.deepEqual(remove(server(3)), { transactions: 1, changes: own('-') });
  });

  test(`with ${size} clients and as many policies, a policy that changes is new chains for all that it selects together`, (t) => {
    const { put } = open(t, cluster(size));
    const replaced = [
      'chain c_',
      'rules c_',
      'chain g_',
      'rules g_',
      'map p__a',
      'map p__n',
      ...BY_OTHERS,
      'element to_endpoint',
      'element to_endpoint',
    ];
    t.deepEqual(put(serverPolicy(81)), {
      transactions: 1,
      changes: ['+', '-'].flatMap((sign) => replaced.map((what) => `${sign} ${what}`)).sort(),
    });
  });

  test(`with ${size} clients and as many policies, a backend of a service is its element, and another number of them another chain`, (t) => {
    const { put } = open(t, cluster(size));
    const numbered = ['+ chain s_', '+ rules s_', '+ element service4', '- chain s_', '- rules s_', '- element service4'];
    t.deepEqual(put(web(4)), { transactions: 1, changes: ['+ element backend4', ...numbered].sort() });
    t.deepEqual(put(web(4, { ready: false })), { transactions: 1, changes: ['- element backend4', ...numbered].sort() });
  });
}
