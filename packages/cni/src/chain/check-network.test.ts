import test from 'ava';
import { PluginFolder } from '../testing/plugin-folder.ts';
import { checkNetwork } from './check-network.ts';

const PLUGINS = '/usr/lib/none';
const texts = async (config: unknown) => (await checkNetwork(config, [PLUGINS])).map(({ severity, message }) => `${severity}: ${message}`);

test('the usual networks have no problems', async (t) => {
  for (const network of [
    { name: 'w', type: 'weir' },
    { name: 'w', type: 'weir', cniVersion: '1.1.0', chain: [{ type: 'weir-route', mtu: 1400, ipam: { type: 'weir-ipam', pools: ['a'] } }] },
    { name: 'w', type: 'weir-route', ipam: { type: 'weir-ipam' }, args: {}, 'example.com/key': 1 },
    {
      name: 'w',
      type: 'weir',
      chain: [
        { type: 'weir-route', ipam: { type: 'weir-ipam' }, capabilities: { ips: true, mac: true, dns: true, ipRanges: false } },
        { type: 'weir-policy', capabilities: { aliases: true, portMappings: true } },
      ],
    },
  ])
    t.deepEqual(await texts(network), []);
});

test("others' networks are theirs", async (t) => {
  t.deepEqual(await texts({ name: 'b', type: 'bridge', whatever: true }), []);
});

test('a step that changes the MAC address of a link of others comes before weir-policy', async (t) => {
  const folder = await PluginFolder.make(t);
  for (const name of ['ptp', 'tuning']) await folder.add(name, 'exit 1');
  const found = async (...chain: object[]) =>
    (await checkNetwork({ name: 'w', type: 'weir', chain }, [folder.path])).map(({ severity, message }) => `${severity}: ${message}`);
  const [ptp, policy, mac] = [{ type: 'ptp' }, { type: 'weir-policy' }, { type: 'tuning', mac: '02:00:5e:00:53:07' }];
  const told = ['error: chain.2 (tuning) changes the MAC address that weir-policy keeps the container to: put it before weir-policy'];
  t.deepEqual(await found(ptp, policy, mac), told);
  t.deepEqual(await found(ptp, policy, { type: 'tuning', capabilities: { mac: true } }), told);
  t.deepEqual(await found(ptp, mac, policy), []);
  t.deepEqual(await found(ptp, policy, { type: 'tuning', sysctl: {} }), []);
  t.deepEqual(await found({ type: 'weir-route', ipam: { type: 'weir-ipam' } }, policy, mac), []);
});

test('a gateway that static names under weir-route, where it is the host, is told of', async (t) => {
  const folder = await PluginFolder.make(t);
  for (const name of ['static', 'ptp']) await folder.add(name, 'exit 1');
  const found = (type: string, address: object) =>
    checkNetwork({ name: 'w', type: 'weir', chain: [{ type, ipam: { type: 'static', addresses: [address] } }] }, [folder.path]);
  const address = { address: '10.0.0.7/24' };
  const [problem] = await found('weir-route', { ...address, gateway: '10.0.0.1' });
  t.is(problem?.severity, 'warning');
  t.regex(problem?.message ?? '', /^chain\.0 \(weir-route\): the gateway of a container of weir-route is its host/);
  t.deepEqual(await found('weir-route', address), []);
  t.deepEqual(await found('ptp', { ...address, gateway: '10.0.0.1' }), []);
});

test('a plugin that does not speak the version that it would be called in is named, and one that does not say is not', async (t) => {
  const folder = await PluginFolder.make(t);
  await folder.add('old', `[ $CNI_COMMAND = VERSION ] && echo '{"cniVersion":"1.0.0","supportedVersions":["0.3.1","0.4.0"]}'`);
  await folder.add('silent', 'exit 1');
  const found = async (more: object) => {
    const problems = await checkNetwork({ name: 'w', type: 'weir', ...more }, [folder.path]);
    return problems.map(({ severity, message }) => `${severity}: ${message}`);
  };
  const told = /^error: chain\.1 \(old\): plugin "old" speaks 0\.3\.1, 0\.4\.0, and would be called in 1\.0\.0: give the step/;
  const chain = [{ type: 'silent' }, { type: 'old' }];
  t.regex((await found({ cniVersion: '1.0.0', chain })).join(), told);
  t.regex((await found({ cniVersion: '0.4.0', cniVersions: ['1.0.0'], chain })).join(), told);
  t.deepEqual(await found({ cniVersion: '0.4.0', chain }), []);
  t.deepEqual(await found({ cniVersion: '1.0.0', chain: [{ type: 'old', cniVersion: '0.4.0' }] }), []);
  const delegating = [{ type: 'weir-route', ipam: { type: 'old' } }];
  t.regex((await found({ chain: delegating })).join(), /plugin "old" speaks .*, and would be called in 0\.1\.0/);
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
    {
      name: 'w',
      type: 'weir',
      chain: [
        { type: 'weir-route', ipam: { type: 'weir-ipam' } },
        { type: 'weir-policy', defaultAction: 'Maybe' },
      ],
    },
    /^error: chain\.1 \(weir-policy\): "defaultAction" is "Maybe"/,
  ],
  [{ name: 'w', type: 'weir', chain: [{ type: 'weir-policy' }] }, /^error: chain\.0 \(weir-policy\) has no interface to guard/],
  [
    { name: 'w', type: 'weir', chain: [{ type: 'weir-ipam' }, { type: 'weir-route', ipam: { type: 'weir-ipam' } }] },
    /^error: chain\.0 \(weir-ipam\) is no step: it goes into "ipam"/,
  ],
  [
    { name: 'w', type: 'weir', chain: [{ type: 'weir-route', ipam: { type: 'weir-ipam' }, capabilities: { ipRanges: true } }] },
    /^error: chain\.0 \(weir-route\): weir-ipam gives addresses of pools, and refuses a runtime's "ipRanges": name pools in "ipam"/,
  ],
  [
    { name: 'w', type: 'weir', chain: [{ type: 'weir-route', ipam: { type: 'weir-ipam' }, capabilities: { bandwidth: true, mac: true } }] },
    /^warning: chain\.0 \(weir-route\): weir-route does nothing with the capability "bandwidth": it belongs to a step of the plugin/,
  ],
] as const)
  test(`named: ${JSON.stringify(config)}`, async (t) => {
    const found = await texts(config);
    t.is(found.length, 1, found.join('\n'));
    t.regex(found[0]!, expected);
  });
