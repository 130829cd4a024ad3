import test from 'ava';
import { parseWith } from '../validation/parse-with.ts';
import { bgpConfigSpecSchema, DEFAULT_BGP_CONFIG } from './bgp-config.ts';

const parse = (spec: object) => parseWith(bgpConfigSpecSchema, spec);

test('BgpConfig: all may be left out', (t) => {
  t.deepEqual(parse({}), DEFAULT_BGP_CONFIG);
  t.like(DEFAULT_BGP_CONFIG, { asNumber: 64512, nodeMesh: true, port: 179, holdSeconds: 90, gracefulRestartSeconds: 120 });
});

test('AS numbers, of four bytes also with a dot', (t) => {
  t.is(parse({ asNumber: '65000.1' }).asNumber, 65000 * 65536 + 1);
  t.is(parse({ asNumber: 4_294_967_295 }).asNumber, 4_294_967_295);
  for (const asNumber of [0, -1, 1.5, 23456, 4_294_967_296, '65536.1', 'private'])
    t.throws(() => parse({ asNumber }), { message: /^asNumber: .* is no AS number/ }, String(asNumber));
});

test('communities: by value or by a name that is given one; large ones too', (t) => {
  const communities = [{ name: 'edge', value: '65001:1:100' }];
  const marked = (...marks: string[]) => parse({ communities, prefixAdvertisements: [{ cidr: '10.64.0.0/16', communities: marks }] });
  t.deepEqual(marked('edge', '65001:7').prefixAdvertisements[0]?.communities, ['edge', '65001:7']);
  t.throws(() => marked('egde'), { message: /^prefixAdvertisements\[0\]\.communities\[0\]: "egde" is no community/ });
  t.throws(() => marked('65536:1'), { message: /"65536:1" is no community/ });
  t.throws(() => parse({ communities: [...communities, ...communities] }), {
    message: /^communities\[1\]\.name: "edge" is a name already/,
  });
});

test('hold time: none, or three seconds and more', (t) => {
  t.is(parse({ holdSeconds: 0 }).holdSeconds, 0);
  t.throws(() => parse({ holdSeconds: 2 }), { message: /^holdSeconds: 2 is no hold time/ });
});
