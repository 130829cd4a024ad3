import { type AnyObject, parseObject } from '@weir/resources';
import test from 'ava';
import { PolicyCalculator } from './calculator.ts';
import { intervalDifference } from './ranges/interval-list.ts';
import { difference, type Statement, statementKey } from './statements/statement.ts';

const parsed = (object: object): AnyObject => parseObject({ apiVersion: 'weir/v1', ...object }) as AnyObject;

const endpoint = parsed({
  kind: 'Endpoint',
  metadata: { name: 'web', namespace: 'shop' },
  spec: {
    host: 'here',
    containerId: 'web',
    network: 'weir',
    interfaceName: 'eth0',
    hostInterface: 'weir0',
    addresses: ['10.9.0.1'],
  },
});
const policy = parsed({
  kind: 'Policy',
  metadata: { name: 'refuse', namespace: 'shop' },
  spec: { selector: 'all()', ingress: [{ action: 'Deny', source: { selector: "list == 'refused'" } }, { action: 'Allow' }] },
});
const set = (name: string, nets: string[]) =>
  parsed({ kind: 'NetworkSet', metadata: { name, namespace: 'shop', labels: { list: 'refused' } }, spec: { nets } });

/** Every other /30: none touches another. */
const nets = (count: number, from = 0) => Array.from({ length: count }, (_, at) => `20.${(from + at) >> 5}.0.${((from + at) & 31) * 8}/30`);

/** What is in force after each state, and how many statements and intervals the last one changed. */
function after(...states: AnyObject[][]): { table: Map<string, Statement>; changed: number } {
  const calculator = new PolicyCalculator({ host: 'here' });
  const table = new Map<string, Statement>();
  let changed = 0;
  for (const objects of states) {
    for (const object of objects) calculator.upsert(object);
    const { set: put, delete: gone } = calculator.flush();
    changed = gone.size + [...put.values()].reduce((sum, statement) => sum + weight(statement, table.get(statementKey(statement))), 0);
    for (const key of gone) table.delete(key);
    for (const [key, statement] of put) table.set(key, statement);
  }
  return { table, changed };
}

function weight(statement: Statement, before: Statement | undefined): number {
  if (statement.kind !== 'intervals' || before?.kind !== 'intervals') return 1;
  const { gone, come } = intervalDifference(before.intervals, statement.intervals);
  return (gone.length + come.length) / 8;
}

test('a line of a long list is an element of the set, wherever in the list it stands', (t) => {
  const list = nets(2000);
  const base = [endpoint, policy, set('a', list)];
  t.is(after(base, [set('a', [...list, '30.0.0.0/30'])]).changed, 1);
  t.is(after(base, [set('a', list.toSpliced(700, 1))]).changed, 1);
  t.is(after(base, [set('a', list.with(1000, '30.0.0.0/30'))]).changed, 2);
  t.is(after(base, [set('a', list.toReversed())]).changed, 0);
  t.is(after(base, [set('a', [...list, list[5]!])]).changed, 0, 'twice the same');
  t.is(after(base, [set('b', [list[5]!])]).changed, 0, 'in another set, too');
  // Between two, touching both: three elements become one.
  t.is(after(base, [set('a', [...list, '20.0.0.4/30'])]).changed, 3);
});

test('many lines at once end in the table that is made from nothing', (t) => {
  const same = (one: Map<string, Statement>, other: Map<string, Statement>) => {
    const { set: missing, delete: superfluous } = difference(one, other);
    t.deepEqual([[...missing.keys()], [...superfluous]], [[], []]);
  };
  const others = [endpoint, policy];
  const [first, second] = [set('a', nets(2000)), set('a', nets(2000, 900))];
  const wide = set('b', ['20.0.0.0/8', '20.3.0.8/32']);
  same(after([...others, second]).table, after([...others, first], [second]).table);
  same(after([...others, second, wide]).table, after([...others, first], [wide], [second]).table);
  same(after([...others, second, set('b', [])]).table, after([...others, first], [wide], [second], [set('b', [])]).table);
});
