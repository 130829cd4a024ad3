import test from 'ava';
import { Floods } from './floods.ts';

const flood = (source: string) => ({ prefix: 'weir flood', source, destination: '10.0.0.1' });
const floodTo = (source: string, destination = '10.0.0.1') => ({ prefix: 'weir flood to', source, destination });

test('who floods is muted once, until the window ends', (t) => {
  const floods = new Floods();
  t.is(floods.add({ ...flood('192.0.2.1'), prefix: 'weir deny policy' }), undefined);
  t.is(floods.add(flood('192.0.2.1')), 'source');
  t.is(floods.add(flood('192.0.2.1')), 'nobody');
  t.deepEqual([[...floods.sources], [...floods.destinations]], [['192.0.2.1'], []]);
  t.true(floods.clear());
  t.false(floods.clear());
  t.is(floods.add(flood('192.0.2.1')), 'source');
});

test('for a few that flood it no destination is muted: each of them is, by itself', (t) => {
  const floods = new Floods();
  for (const source of ['192.0.2.1', '192.0.2.2', '192.0.2.1']) t.is(floods.add(floodTo(source)), 'nobody');
  t.is(floods.add(flood('192.0.2.1')), 'source');
  t.is(floods.add(floodTo('192.0.2.3')), 'nobody', 'of three one is muted already');
  t.deepEqual([...floods.destinations], []);
});

test('a destination that many flood is muted, and no other', (t) => {
  const floods = new Floods();
  floods.add(floodTo('192.0.2.9', '10.0.0.2'));
  for (const source of ['192.0.2.1', '192.0.2.2']) t.is(floods.add(floodTo(source)), 'nobody');
  t.is(floods.add(floodTo('192.0.2.3')), 'destination');
  t.is(floods.add(floodTo('192.0.2.4')), 'nobody');
  t.deepEqual([[...floods.sources], [...floods.destinations]], [[], ['10.0.0.1']]);
  t.true(floods.clear());
  t.deepEqual([...floods.destinations], []);
});
