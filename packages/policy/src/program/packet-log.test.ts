import test from 'ava';
import { ALLOW_PREFIX, DENIALS, type Denial, denyPrefix, logPrefix, parseLogPrefix } from './packet-log.ts';

test('a prefix tells why a packet was logged', (t) => {
  t.deepEqual(parseLogPrefix(ALLOW_PREFIX), { kind: 'Allow' });
  for (const denial of Object.keys(DENIALS) as Denial[]) t.deepEqual(parseLogPrefix(denyPrefix(denial)), { kind: 'Deny', denial });
  const rule = { policy: { kind: 'Policy', namespace: 'shop', name: 'web' }, direction: 'Ingress', index: 3 } as const;
  t.is(logPrefix(rule), 'weir Policy shop/web Ingress 3: ');
  t.deepEqual(parseLogPrefix(logPrefix(rule)), { kind: 'Log', policy: rule.policy, direction: 'Ingress', ruleIndex: 3 });
  const everywhere = { policy: { kind: 'GlobalPolicy', name: 'a.b-c' }, direction: 'Egress', index: 12 } as const;
  t.deepEqual(parseLogPrefix(logPrefix(everywhere)), { kind: 'Log', policy: everywhere.policy, direction: 'Egress', ruleIndex: 12 });
});

test('a name too long for the kernel loses its end and not its rule', (t) => {
  const prefix = logPrefix({ policy: { kind: 'Policy', namespace: 'shop', name: 'x'.repeat(253) }, direction: 'Egress', index: 7 });
  t.is(prefix.length, 127);
  t.like(parseLogPrefix(prefix), { kind: 'Log', direction: 'Egress', ruleIndex: 7 });
});

test('prefixes of others are none', (t) => {
  for (const text of ['', 'weir', 'weir deny', 'weir deny everything', 'weir Policy shop/web Sideways 3: ', 'x weir allow'])
    t.is(parseLogPrefix(text), undefined, text);
});
