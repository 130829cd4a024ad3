import test from 'ava';
import { policySpecSchema } from '../kinds/policy.ts';
import { parseWith } from '../validation/parse-with.ts';
import { canonicalName, domainTakes, parseDomain } from './domain.ts';

test('a name takes itself, a wildcard what is under it at any depth', (t) => {
  t.is(parseDomain('API.Example.com.'), 'api.example.com');
  t.true(domainTakes('api.example.com', canonicalName('Api.example.COM.')));
  t.false(domainTakes('api.example.com', 'x.api.example.com'));
  const wildcard = parseDomain('*.Example.com');
  t.true(domainTakes(wildcard, 'api.example.com'));
  t.true(domainTakes(wildcard, 'a.b.example.com'));
  t.false(domainTakes(wildcard, 'example.com'));
  t.false(domainTakes(wildcard, 'badexample.com'));
  t.false(domainTakes(wildcard, '.example.com'));
});

test('what is no name is refused', (t) => {
  for (const value of ['', '*', '*.', 'a..b', '*example.com', 'a.*.com', '-a.com', '10.0.0.1', 'a b', `${'a'.repeat(64)}.com`, 7])
    t.throws(() => parseDomain(value), { message: /is no DNS name/ }, String(value));
});

test('only a rule that allows, for where traffic goes to, has domains', (t) => {
  const rule = (action: string, end: string) => [{ action, [end]: { domains: ['*.example.com'] } }];
  t.deepEqual(parseWith(policySpecSchema, { egress: rule('Allow', 'destination') }).egress[0]!.destination, { domains: ['*.example.com'] });
  t.throws(() => parseWith(policySpecSchema, { egress: rule('Deny', 'destination') }), { message: /only a rule that allows has domains/ });
  t.throws(() => parseWith(policySpecSchema, { egress: rule('Allow', 'source') }), { message: /domains are those of the destination/ });
  t.throws(() => parseWith(policySpecSchema, { ingress: rule('Allow', 'destination') }), { message: /only rules of egress have domains/ });
  t.throws(() => parseWith(policySpecSchema, { egress: [{ action: 'Allow', destination: { domains: [] } }] }), { message: /is empty/ });
});
