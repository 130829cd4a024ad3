import { ObjectStore } from '@weir/datastore';
import { temporaryStore } from '@weir/datastore/testing';
import { type Endpoint, keyOf, parseObject } from '@weir/resources';
import test from 'ava';
import { putReadiness, staleReadiness } from './endpoint-readiness.ts';

const endpoint = (task: string | undefined, ready?: boolean) =>
  parseObject({
    apiVersion: 'weir/v1',
    kind: 'Endpoint',
    metadata: { name: `${task}-eth0`, namespace: 'shop' },
    spec: {
      host: 'h',
      containerId: 'c',
      network: 'weir',
      interfaceName: 'eth0',
      hostInterface: 'weira',
      addresses: [],
      mesos: { ...(task !== undefined && { task }) },
      ...(ready !== undefined && { ready }),
    },
  }) as Endpoint;

const becomes = (before: boolean | undefined, told: 'ready' | 'not-ready' | 'unknown' | 'unchecked') => {
  const [change] = staleReadiness([endpoint('t', before)], new Map([['t', told]]));
  return change === undefined ? before : change.ready;
};

test('what Marathon says, and what was known last where it does not know', (t) => {
  const table = ([undefined, true, false] as const).map((before) =>
    (['ready', 'not-ready', 'unknown', 'unchecked'] as const).map((told) => becomes(before, told)),
  );
  t.deepEqual(table, [
    [true, false, false, undefined],
    [true, false, true, undefined],
    [true, false, false, undefined],
  ]);
});

test('endpoints of tasks that Marathon does not tell of, or whose task is not known, are left alone', (t) => {
  t.deepEqual(staleReadiness([endpoint('other', false), endpoint(undefined, false)], new Map([['t', 'ready']])), []);
});

test('one that cannot be read any more is left alone, and ends nothing', async (t) => {
  const { store } = await temporaryStore(t);
  const known = endpoint('t', false);
  for (const value of ['no JSON', '{"kind":"Endpoint","spec":{}}']) {
    await store.transact({ when: [], then: [{ put: keyOf(known), value }] });
    await putReadiness(new ObjectStore(store), { endpoint: known, ready: true });
    t.is((await store.get(keyOf(known)))?.value, value);
  }
});
