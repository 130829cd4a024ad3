import test from 'ava';
import fc from 'fast-check';
import { appendResult, decodeResult, encodeResult, type Result } from './result.ts';
import { CNI_VERSIONS, isAtLeast } from './version.ts';

const FULL: Result = {
  interfaces: [
    { name: 'weirabc', mac: 'ee:ee:ee:ee:ee:ee', mtu: 1450 },
    { name: 'eth0', mac: '02:00:00:00:00:01', sandbox: '/run/ns', mtu: 1450 },
  ],
  ips: [
    { address: '10.0.0.1/32', gateway: '169.254.1.1', interface: 1 },
    { address: 'fd00::1/128', gateway: 'fe80::1', interface: 1 },
  ],
  routes: [
    { dst: '0.0.0.0/0', gw: '169.254.1.1', mtu: 1400 },
    { dst: '::/0', gw: 'fe80::1' },
  ],
  dns: { nameservers: ['192.0.2.53'], search: ['example.test'] },
};

test('0.1.0 and 0.2.0 have ip4 and ip6, with the routes of the family', (t) => {
  for (const version of ['0.1.0', '0.2.0'] as const) {
    t.deepEqual(encodeResult(FULL, version), {
      cniVersion: version,
      ip4: { ip: '10.0.0.1/32', gateway: '169.254.1.1', routes: [{ dst: '0.0.0.0/0', gw: '169.254.1.1' }] },
      ip6: { ip: 'fd00::1/128', gateway: 'fe80::1', routes: [{ dst: '::/0', gw: 'fe80::1' }] },
      dns: FULL.dns,
    });
  }
});

test('0.3.0 to 0.4.0 say the version of each address; of 1.1.0 their routes alone show something', (t) => {
  for (const version of ['0.3.0', '0.3.1', '0.4.0'] as const) {
    t.deepEqual(JSON.parse(JSON.stringify(encodeResult(FULL, version))), {
      cniVersion: version,
      interfaces: [
        { name: 'weirabc', mac: 'ee:ee:ee:ee:ee:ee' },
        { name: 'eth0', mac: '02:00:00:00:00:01', sandbox: '/run/ns' },
      ],
      ips: [
        { version: '4', address: '10.0.0.1/32', gateway: '169.254.1.1', interface: 1 },
        { version: '6', address: 'fd00::1/128', gateway: 'fe80::1', interface: 1 },
      ],
      routes: FULL.routes,
      dns: FULL.dns,
    });
  }
});

test('1.0.0 and 1.1.0 have no version of addresses, and say all', (t) => {
  for (const cniVersion of ['1.0.0', '1.1.0'] as const)
    t.deepEqual(JSON.parse(JSON.stringify(encodeResult(FULL, cniVersion))), { cniVersion, ...FULL });
});

test('what there is none of is left out, but for the dns of old forms', (t) => {
  const none: Result = { interfaces: [], ips: [], routes: [], dns: {} };
  for (const cniVersion of CNI_VERSIONS)
    t.deepEqual(encodeResult(none, cniVersion), isAtLeast(cniVersion, '1.0.0') ? { cniVersion } : { cniVersion, dns: {} });
});

test('for Mesos every version has ip4 and ip6, and both say the same', (t) => {
  const old = encodeResult(FULL, '0.2.0');
  for (const version of CNI_VERSIONS) {
    const result = encodeResult(FULL, version, { mesos: true });
    t.like(result, { cniVersion: version, ip4: { ip: '10.0.0.1/32' }, ip6: { ip: 'fd00::1/128' } });
    if (!isAtLeast(version, '1.1.0')) t.deepEqual([result.ip4, result.ip6], [old.ip4, old.ip6]);
  }
});

test('a result of one family has no field for the other: Mesos refuses an ip4 without ip', (t) => {
  const result = encodeResult({ ...FULL, ips: FULL.ips.slice(1) }, '1.0.0', { mesos: true });
  t.false('ip4' in result);
  t.true('ip6' in result);
});

for (const version of CNI_VERSIONS) {
  test(`${version}: what is written is read back`, (t) => {
    const text = JSON.stringify(encodeResult(FULL, version, { mesos: true }));
    const back = decodeResult(JSON.parse(text), '1.0.0');
    t.is(JSON.stringify(encodeResult(back, version, { mesos: true })), text);
    t.deepEqual(
      back.ips.map(({ address, gateway }) => ({ address, gateway })),
      FULL.ips.map(({ address, gateway }) => ({ address, gateway })),
    );
    if (isAtLeast(version, '1.0.0')) t.deepEqual(back, FULL);
  });
}

const v4 = fc.tuple(fc.ipV4(), fc.nat(32)).map(([address, length]) => `${address}/${length}`);
const v6 = fc.tuple(fc.ipV6(), fc.nat(128)).map(([address, length]) => `${address}/${length}`);

test('any result keeps its first address of each family through any two versions', (t) => {
  const addresses = fc.array(fc.oneof(v4, v6), { minLength: 1, maxLength: 4 });
  const versions = fc.tuple(fc.constantFrom(...CNI_VERSIONS), fc.constantFrom(...CNI_VERSIONS));
  fc.assert(
    fc.property(addresses, versions, (ips, [one, other]) => {
      const result: Result = { interfaces: [], ips: ips.map((address) => ({ address })), routes: [], dns: {} };
      const once = decodeResult(encodeResult(result, one), one);
      const twice = encodeResult(decodeResult(encodeResult(once, other), other), '0.2.0');
      t.deepEqual(twice, encodeResult(result, '0.2.0'));
    }),
    { numRuns: 300 },
  );
});

test('an unreadable result says where', (t) => {
  const wrong = (value: unknown) => t.throws(() => decodeResult(value, '1.0.0'))?.message ?? '';
  t.regex(wrong({ ips: [{ address: '10.0.0.1' }] }), /ips\.0\.address: "10\.0\.0\.1" is no address with prefix length/);
  for (const address of ['10.1/8', '10.0.0.1/33', '10.0.0.1/', '10.0.0.1/8/8', '010.0.0.1/8', 'fe80::1%eth0/64', 'fd00::/129', '/8'])
    t.regex(wrong({ ips: [{ address }] }), /ips\.0\.address: ".*" is no address with prefix length/, address);
  t.regex(wrong({ ips: [{ address: '10.0.0.1/8', gateway: '10.1' }] }), /ips\.0\.gateway/);
  t.regex(wrong({ cniVersion: '0.2.0', ip4: { ip: 7 } }), /0\.2\.0 is wrong at ip4\.ip/);
  t.regex(wrong({ ips: [{ address: '10.0.0.1/32', interface: 3 }] }), /interface that the result does not list/);
  t.regex(wrong({ cniVersion: '9.9.9' }), /"9\.9\.9", which is not known/);
  t.regex(wrong([]), /is wrong at its top/);
  t.regex(wrong(null), /is wrong at its top/);
});

test("the reference implementation's ways of saying nothing are understood", (t) => {
  const result = decodeResult({ ips: [{ address: '10.0.0.1/24', gateway: '' }], interfaces: null, routes: null, dns: null }, '1.0.0');
  t.deepEqual(result, { interfaces: [], ips: [{ address: '10.0.0.1/24' }], routes: [], dns: {} });
  t.deepEqual(decodeResult({ cniVersion: '', ips: [{ address: '10.0.0.1/24' }] }, '1.0.0'), result);
});

test('what one plugin made comes after what those before it did, and addresses keep their interfaces', (t) => {
  const loopback: Result = {
    interfaces: [{ name: 'lo', sandbox: '/ns' }],
    ips: [{ address: '127.0.0.1/8', interface: 0 }],
    routes: [],
    dns: { nameservers: ['192.0.2.1'], domain: 'example.test' },
  };
  const joined = appendResult(loopback, { ...FULL, dns: { nameservers: ['192.0.2.53'] } });
  t.deepEqual(
    joined.ips.map(({ address, interface: index }) => [address, index === undefined ? undefined : joined.interfaces[index]!.name]),
    [['127.0.0.1/8', 'lo'], ...FULL.ips.map(({ address, interface: index }) => [address, FULL.interfaces[index!]!.name])],
  );
  t.deepEqual([joined.routes, joined.dns], [FULL.routes, { nameservers: ['192.0.2.53'], domain: 'example.test' }]);
});
