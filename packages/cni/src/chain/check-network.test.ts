import test from 'ava';
import { checkNetwork } from './check-network.ts';

const PLUGINS = '/usr/lib/none';
const texts = async (config: unknown) => (await checkNetwork(config, [PLUGINS])).map(({ severity, message }) => `${severity}: ${message}`);

test('the usual networks have no problems', async (t) => {
  for (const network of [
    { name: 'w', type: 'weir' },
    { name: 'w', type: 'weir', cniVersion: '1.1.0', chain: [{ type: 'weir-route', mtu: 1400, ipam: { type: 'weir-ipam', pools: ['a'] } }] },
    { name: 'w', type: 'weir-route', ipam: { type: 'weir-ipam' }, args: {}, 'example.com/key': 1 },
  ])
    t.deepEqual(await texts(network), []);
});

test("others' networks are theirs", async (t) => {
  t.deepEqual(await texts({ name: 'b', type: 'bridge', whatever: true }), []);
});

for (const [config, expected] of [
  [{ type: 'weir' }, /^error: .*"name" is missing/],
  ['text', /^error: /],
  [{ name: 'w', type: 'weir', cniVersion: '7' }, /^error: cniVersion "7" is not known: use 0\.1\.0/],
  [{ name: 'w', type: 'weir', chains: [] }, /^warning: weir: "chains" is no key of it; did you mean "chain"\?/],
  [{ name: 'w', type: 'weir', chain: [] }, /^error: weir: "chain" is \[\]/],
  [{ name: 'w', type: 'weir', chain: [{ type: 'nope' }] }, /^error: there is no plugin "nope" in \/usr\/lib\/none/],
  [
    { name: 'w', type: 'weir', chain: [{ type: 'weir-route', mtu: 'x', ipam: { type: 'weir-ipam' } }] },
    /^error: chain\.0 \(weir-route\): "mtu" is "x"/,
  ],
  [{ name: 'w', type: 'weir', chain: [{ type: 'weir-route' }] }, /^error: chain\.0 \(weir-route\): "ipam" is missing/],
  [
    { name: 'w', type: 'weir', chain: [{ type: 'weir-route', ipam: { type: 'weir-ipam', pool: 'a' } }] },
    /^warning: chain\.0 \(weir-route\)\.ipam: "pool" is no key of it; did you mean "pools"\?/,
  ],
  [{ name: 'w', type: 'weir', chain: [{ type: 'weir-route', ipam: { type: 'far-off' } }] }, /^error: there is no plugin "far-off"/],
  [
    { name: 'w', type: 'weir', chain: [{ type: 'weir-policy', defaultAction: 'Maybe' }] },
    /^error: chain\.0 \(weir-policy\): "defaultAction" is "Maybe"/,
  ],
] as const)
  test(`named: ${JSON.stringify(config)}`, async (t) => {
    const found = await texts(config);
    t.is(found.length, 1, found.join('\n'));
    t.regex(found[0]!, expected);
  });
