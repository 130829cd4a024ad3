import test from 'ava';
import { type AnyObject, parseObject } from './object.ts';
import { serialize } from './serialize.ts';

test('equal objects have equal text, whatever the order and what is undefined', (t) => {
  const left = parseObject({
    apiVersion: 'weir/v1',
    kind: 'Pool',
    metadata: { name: 'a', labels: { x: '1', b: '2' } },
    spec: { cidr: '10.0.0.0/8', blockSize: 26 },
  });
  const right = reversed({
    ...left,
    spec: reversed(left.spec),
    status: undefined,
    metadata: { annotations: {}, labels: { b: '2', x: '1' }, name: 'a', namespace: undefined },
  });
  t.is(serialize(left), serialize(right as AnyObject));
  t.deepEqual(parseObject(JSON.parse(serialize(left))), left);
});

/** The same fields, the last one first. */
function reversed<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).reverse()) as T;
}
