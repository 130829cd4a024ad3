import { type AnyObject, keyOf, parseObject } from '@weir/resources';
import test from 'ava';
import { NotedChanges } from './noted-changes.ts';

const tier = (order: number): AnyObject => parseObject({ apiVersion: 'weir/v1', kind: 'Tier', metadata: { name: 'one' }, spec: { order } });

test('of each object the last change is handed out, once', (t) => {
  const changes = new NotedChanges();
  const id = { kind: 'Tier' as const, name: 'one' };
  changes.note({ id, object: tier(1) });
  changes.note({ id: { ...id, name: 'two' } });
  changes.note({ id, object: tier(2) });
  t.is(changes.size, 2);
  const seen: unknown[] = [];
  changes.workOff((key, { object }) => seen.push([key, object?.kind === 'Tier' ? object.spec.order : undefined]));
  t.deepEqual(seen, [
    [keyOf({ kind: 'Tier', metadata: { name: 'one' } }), 2],
    [keyOf({ kind: 'Tier', metadata: { name: 'two' } }), undefined],
  ]);
  changes.workOff(() => t.fail());
});

test('an endpoint that went is told of before another of its name, however often that changed since', (t) => {
  const changes = new NotedChanges();
  const id = { kind: 'Endpoint' as const, namespace: 'default', name: 'web' };
  const object = { kind: 'Endpoint' } as AnyObject;
  changes.note({ id, object });
  changes.note({ id });
  changes.note({ id, object });
  changes.note({ id, object });
  const seen: boolean[] = [];
  changes.workOff((_, change) => seen.push(change.object !== undefined));
  t.deepEqual(seen, [false, true]);
});
