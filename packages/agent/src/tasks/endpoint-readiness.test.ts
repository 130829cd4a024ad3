import { type Endpoint, parseObject } from '@weir/resources';
import test from 'ava';
import { staleReadiness } from './endpoint-readiness.ts';

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
