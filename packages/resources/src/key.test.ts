import test from 'ava';
import { keyOf, keyPrefix, parseKey } from './key.ts';

test('keys name kind, namespace and name, and read back', (t) => {
  t.is(keyOf({ kind: 'Policy', metadata: { name: 'web', namespace: 'shop' } }), '/weir/v1/Policy/shop/web');
  t.is(keyOf({ kind: 'Pool', metadata: { name: 'main' } }), '/weir/v1/Pool/main');
  t.deepEqual(parseKey('/weir/v1/Policy/shop/web'), { kind: 'Policy', namespace: 'shop', name: 'web' });
  t.deepEqual(parseKey('/weir/v1/Pool/main'), { kind: 'Pool', name: 'main' });
});

test('prefixes end in a slash: Policy is no prefix of PolicyX, shop none of shop2', (t) => {
  t.is(keyPrefix('Policy'), '/weir/v1/Policy/');
  t.is(keyPrefix('Policy', 'shop'), '/weir/v1/Policy/shop/');
});

test('keys of others are not ours', (t) => {
  for (const key of [
    '/weir/v1/Policy/web',
    '/weir/v1/Pool/a/b',
    '/weir/v1/Nothing/a',
    '/weir/v2/Pool/a',
    '/weir/v1/Pool/',
    '/weir/v1/toString/a',
    '',
  ])
    t.is(parseKey(key), undefined, key);
});
