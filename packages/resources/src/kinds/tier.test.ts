import test from 'ava';
import { parseObject } from '../object.ts';
import { parseWith } from '../validation/parse-with.ts';
import { policySpecSchema, tierOf } from './policy.ts';
import { BUILT_IN_TIERS, checkTier, tierSpecSchema } from './tier.ts';

test('a tier denies at its end, unless it says Pass, and comes last without an order', (t) => {
  t.deepEqual(parseWith(tierSpecSchema, undefined), { defaultAction: 'Deny' });
  t.deepEqual(parseWith(tierSpecSchema, { order: 5, defaultAction: 'Pass' }), { order: 5, defaultAction: 'Pass' });
  t.throws(() => parseWith(tierSpecSchema, { defaultAction: 'Allow' }), {
    message: /^defaultAction: "Allow" is not allowed: expected Deny, Pass/,
  });
  t.throws(() => parseWith(tierSpecSchema, { order: 'first' }), { message: /^order: "first" is no order/ });
  t.throws(() => parseWith(tierSpecSchema, { orders: 1 }), { message: /^orders: is no field here; did you mean "order"\?/ });
});

test('no object stands for a built-in tier', (t) => {
  for (const name of BUILT_IN_TIERS.keys()) {
    const tier = parseObject({ apiVersion: 'weir/v1', kind: 'Tier', metadata: { name } });
    t.throws(() => checkTier(tier), { message: /^metadata\.name: .* is a built-in tier/ });
  }
  t.notThrows(() => checkTier(parseObject({ apiVersion: 'weir/v1', kind: 'Tier', metadata: { name: 'mine' } })));
});

test('a policy is of the tier that it names, and says nothing that is the default', (t) => {
  const spec = parseWith(policySpecSchema, { tier: 'default', staged: false });
  t.deepEqual(Object.keys(spec), ['selector', 'types', 'ingress', 'egress']);
  t.is(tierOf(spec), 'default');
  t.like(parseWith(policySpecSchema, { tier: 'mine', staged: true }), { tier: 'mine', staged: true });
  t.throws(() => parseWith(policySpecSchema, { tier: '' }), { message: /^tier: "" is no name of a tier/ });
  t.throws(() => parseWith(policySpecSchema, { staged: 'yes' }), { message: /^staged: "yes" is not allowed: expected true or false/ });
});
