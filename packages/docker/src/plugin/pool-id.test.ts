import test from 'ava';
import fc from 'fast-check';
import { type PoolChoice, poolId, poolsAsked, readPoolId } from './pool-id.ts';

test('what is written into an id is read from it', (t) => {
  const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,20}[a-z0-9])?$/);
  const choice: fc.Arbitrary<PoolChoice> = fc.record(
    { family: fc.constantFrom('IPv4', 'IPv6'), pools: fc.array(name, { minLength: 1, maxLength: 4 }) },
    { requiredKeys: ['family'] },
  );
  fc.assert(fc.property(choice, (chosen) => t.deepEqual(readPoolId(poolId(chosen)), chosen)));
});

test('an id of somebody else is refused', (t) => {
  t.throws(() => readPoolId('LocalDefault/172.17.0.0/16'), { code: 'EREQUEST', message: /none of Weir's/ });
});

test('pools are named by one option', (t) => {
  t.deepEqual(poolsAsked({ pools: 'front, back,' }), ['front', 'back']);
  t.is(poolsAsked({}), undefined);
  t.throws(() => poolsAsked({ pool: 'front' }), { code: 'EREQUEST', message: /--ipam-opt pool: not known; there is pools=NAME,NAME/ });
});
