import test from 'ava';
import { parseWith } from '../validation/parse-with.ts';
import { bgpPeerSpecSchema } from './bgp-peer.ts';

const parse = (spec: object) => parseWith(bgpPeerSpecSchema, spec);
const ROUTER = { address: '192.0.2.1', asNumber: 65001 };

test('BgpPeer: a router by address and AS, or hosts by a selector, and not both', (t) => {
  t.deepEqual(parse(ROUTER), { ...ROUTER, port: 179, extendedNextHop: false, filters: [] });
  t.deepEqual(parse({ peerSelector: 'has(reflector)' }), {
    peerSelector: 'has(reflector)',
    port: 179,
    extendedNextHop: false,
    filters: [],
  });
  t.throws(() => parse({ ...ROUTER, peerSelector: 'all()' }), {
    message: /address: goes with no "peerSelector"[\s\S]*asNumber: goes with/,
  });
  t.throws(() => parse({}), { message: /address: is missing[\s\S]*asNumber: is missing/ });
});

test('BgpPeer: BFD, with times that are given or not', (t) => {
  t.deepEqual(parse({ ...ROUTER, bfd: {} }).bfd, { intervalMilliseconds: 300, multiplier: 3 });
  t.deepEqual(parse({ ...ROUTER, bfd: { intervalMilliseconds: 50, multiplier: 5 } }).bfd, { intervalMilliseconds: 50, multiplier: 5 });
  t.throws(() => parse({ ...ROUTER, bfd: { intervalMilliseconds: 1 } }), {
    message: /^bfd\.intervalMilliseconds: 1 is no time between two packets/,
  });
});

test('BgpPeer: what does not go together', (t) => {
  for (const [more, message] of [
    [{ host: 'h', hostSelector: 'all()' }, /^hostSelector: goes with no "host"/],
    [{ extendedNextHop: true }, /^extendedNextHop: is for a router with an IPv6 "address"/],
    [{ sourceAddress: 'fd00::1' }, /^sourceAddress: "fd00::1" is IPv6/],
    [{ holdSeconds: 9, keepaliveSeconds: 9 }, /^keepaliveSeconds: 9 is not below/],
    [{ ttlSecurity: 255 }, /^ttlSecurity: 255 is no number of hops/],
    [{ password: {} }, /^password: expected either file or text/],
    [{ password: { file: 'secret' } }, /^password\.file: "secret" is no path/],
  ] as const)
    t.throws(() => parse({ ...ROUTER, ...more }), { message });
});

test('a password that is refused is not shown', (t) => {
  const error = t.throws(() => parse({ ...ROUTER, password: { text: 'quo"ted' } }));
  t.regex(error.message, /^password\.text: is no password/);
  t.notRegex(error.message, /quo/);
});
