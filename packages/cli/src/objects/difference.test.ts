import type { Entry } from '@weir/datastore';
import { type AnyObject, keyOf, parseObject, serialize } from '@weir/resources';
import test from 'ava';
import { difference } from './difference.ts';

function entry(nets: string[]): Entry {
  const object = parseObject({ apiVersion: 'weir/v1', kind: 'GlobalNetworkSet', metadata: { name: 'all' }, spec: { nets } }) as AnyObject;
  return { key: keyOf(object), value: serialize(object), revision: 1, created: 1 };
}
const nets = (count: number, second: number) => Array.from({ length: count }, (_, index) => `10.${second}.${index >> 8}.${index & 255}/32`);
const shown = (before: Entry | undefined, after: Entry | undefined) => difference(before, after).map(({ type, text }) => `${type} ${text}`);

test('lines that differ, those near them, and gaps', (t) => {
  const many = nets(20, 0);
  const changed = many.with(1, '10.9.9.9/32').toSpliced(15, 1);
  t.deepEqual(shown(entry(many), entry(changed)), [
    'gap ',
    'kept spec:',
    'kept   nets:',
    'kept     - 10.0.0.0/32',
    'removed     - 10.0.0.1/32',
    'added     - 10.9.9.9/32',
    'kept     - 10.0.0.2/32',
    'kept     - 10.0.0.3/32',
    'kept     - 10.0.0.4/32',
    'gap ',
    'kept     - 10.0.0.12/32',
    'kept     - 10.0.0.13/32',
    'kept     - 10.0.0.14/32',
    'removed     - 10.0.0.15/32',
    'kept     - 10.0.0.16/32',
    'kept     - 10.0.0.17/32',
    'kept     - 10.0.0.18/32',
  ]);
  t.deepEqual(shown(entry(many), entry(many)), []);
});

test('what is new is shown in full, and what is stored and no valid object as it is', (t) => {
  t.is(shown(undefined, entry(nets(6000, 0))).length, 6000 + 6);
  const spoilt = { ...entry([]), value: '{"kind": "Policy"}' };
  t.is(shown(spoilt, entry(['10.0.0.0/8']))[0], 'removed {"kind": "Policy"}');
});

test('a long list that is another is told of in one line', (t) => {
  t.deepEqual(shown(entry(nets(6000, 0)), entry(nets(7000, 1))), ['gap  more than 2000 of its lines differ: of 6006 it becomes 7006']);
});
