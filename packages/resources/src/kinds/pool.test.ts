import test from 'ava';
import { parseWith } from '../validation/parse-with.ts';
import { poolSpecSchema } from './pool.ts';

test('block size by family, 26 and 122', (t) => {
  const network = { vxlan: 'Never', natOutgoing: false, visibility: 'Routed', routes: 'Blocks' };
  t.deepEqual(parseWith(poolSpecSchema, { cidr: '10.0.0.0/16' }), { cidr: '10.0.0.0/16', blockSize: 26, disabled: false, ...network });
  t.deepEqual(parseWith(poolSpecSchema, { cidr: 'FD00::/64', disabled: true }), {
    cidr: 'fd00::/64',
    blockSize: 122,
    disabled: true,
    ...network,
  });
  t.is(parseWith(poolSpecSchema, { cidr: '10.0.0.0/26' }).blockSize, 26);
});

test('selectors are kept as written, and read', (t) => {
  const spec = { cidr: '10.0.0.0/16', hostSelector: 'rack == "7"', namespaceSelector: 'team == "a"', selector: 'has(public)' };
  t.like(parseWith(poolSpecSchema, spec), spec);
  t.throws(() => parseWith(poolSpecSchema, { ...spec, hostSelector: 'rack = 7' }), { message: /^hostSelector: / });
});

test('block sizes out of range, or blocks larger than the pool', (t) => {
  const bad: [object, RegExp][] = [
    [{ cidr: '10.0.0.0/8', blockSize: 19 }, /^blockSize: 19 is no block size for IPv4: expected a prefix length from 20 to 32$/],
    [{ cidr: '10.0.0.0/8', blockSize: 122 }, /^blockSize: 122 is no block size for IPv4/],
    [{ cidr: 'fd00::/64', blockSize: 26 }, /^blockSize: 26 is no block size for IPv6: expected a prefix length from 116 to 128$/],
    [{ cidr: '10.0.0.0/27' }, /^blockSize: a \/26 block is larger than the pool 10\.0\.0\.0\/27: expected 27 to 32$/],
    [{ cidr: 'fd00::/120', blockSize: 118 }, /^blockSize: a \/118 block is larger than the pool/],
    [{ cidr: '10.0.0.0/8', blockSize: '26' }, /^blockSize: "26" is no block size/],
    [{ cidr: '10.0.0.7/8' }, /^cidr: "10\.0\.0\.7\/8" has host bits set/],
    [{}, /^cidr: is missing/],
    [
      { cidr: '10.0.0.0/8', vxlan: 'CrossSubnets' },
      /^vxlan: "CrossSubnets" is not allowed: expected Never, Always, CrossSubnet.*CrossSubnet/,
    ],
    [{ cidr: '10.0.0.0/8', routes: 'none' }, /^routes: "none" is not allowed: expected Blocks, Bgp, None, Flannel/],
    [{ cidr: '10.0.0.0/8', routes: 'Flannel', vxlan: 'Always' }, /^vxlan: "Always" does not go with spec.routes: Flannel/],
    [{ cidr: '10.0.0.0/8', visibility: 'private' }, /^visibility: "private" is not allowed: expected Private, Routed, Exported/],
    [{ cidr: '10.0.0.0/8', natOutgoing: 'yes' }, /^natOutgoing: "yes" is not allowed: expected true or false$/],
    [{ cidr: '10.0.0.0/8', disabled: 'no' }, /^disabled: "no" is not allowed: expected true or false$/],
  ];
  for (const [spec, message] of bad) t.throws(() => parseWith(poolSpecSchema, spec), { message });
});

test('Pool: routes by BGP go without tunnels, and what has no routes cannot be announced', (t) => {
  const parse = (spec: object) => parseWith(poolSpecSchema, { cidr: '10.0.0.0/16', ...spec });
  t.is(parse({ routes: 'Bgp', visibility: 'Exported' }).routes, 'Bgp');
  t.throws(() => parse({ routes: 'Bgp', vxlan: 'Always' }), { message: /^vxlan: "Always" does not go with spec\.routes/ });
  t.throws(() => parse({ routes: 'None', visibility: 'Exported' }), { message: /^visibility: "Exported" does not go with spec\.routes/ });
});
