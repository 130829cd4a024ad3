import test from 'ava';
import { parseWith } from '../validation/parse-with.ts';
import { bgpFilterSpecSchema } from './bgp-filter.ts';

const parse = (rule: object) => parseWith(bgpFilterSpecSchema, { import: [{ action: 'Accept', ...rule }] }).import[0];

test('BgpFilter: every criterion', (t) => {
  const rule = { cidr: '10.0.0.0/8', operator: 'In', prefixLength: { minimum: 16, maximum: 24 }, interface: 'eth*', source: 'Peers' };
  t.deepEqual<unknown, unknown>(parse(rule), { action: 'Accept', ...rule });
  t.deepEqual(parseWith(bgpFilterSpecSchema, {}), { import: [], export: [] });
});

test('BgpFilter: rules that could not match, or not be understood', (t) => {
  for (const [rule, message] of [
    [{ operator: 'Equal' }, /operator: says how a route stands to "cidr", which is missing/],
    [{ cidr: '10.0.0.0/8', ipVersion: 6 }, /ipVersion: 6 does not go with "cidr", which is IPv4/],
    [{ prefixLength: { maximum: 24 } }, /prefixLength: is one of a family/],
    [{ cidr: '10.0.0.0/8', prefixLength: { maximum: 33 } }, /prefixLength: expected 0 to 32 for IPv4/],
    [{ cidr: '10.0.0.0/8', prefixLength: { minimum: 24, maximum: 16 } }, /minimum 24 is above maximum 16/],
    [{ cidr: '10.0.0.0/16', prefixLength: { maximum: 8 } }, /no route within 10\.0\.0\.0\/16 is shorter than \/16/],
    [{ interface: 'eth0"' }, /interface: .* is no interface name/],
    [{ source: 'Kernel' }, /source: "Kernel" is not allowed/],
  ] as const)
    t.throws(() => parse(rule), { message }, JSON.stringify(rule));
});
