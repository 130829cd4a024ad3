import test from 'ava';
import { checkNetwork } from '../chain/check-network.ts';
import { PluginFolder } from '../testing/plugin-folder.ts';
import { convertConfig } from './convert-config.ts';

const ROUTE_AND_POLICY = [{ type: 'weir-route', ipam: { type: 'weir-ipam' } }, { type: 'weir-policy' }];
const keys = ({ notes }: ReturnType<typeof convertConfig>) => notes.map(({ key }) => key);
const note = ({ notes }: ReturnType<typeof convertConfig>, key: string) => notes.find((one) => one.key === key)?.text ?? '';

test("DC/OS: Calico under Mesos' port mapper", (t) => {
  const done = convertConfig({
    name: 'calico',
    cniVersion: '0.1.0',
    type: 'mesos-cni-port-mapper',
    excludeDevices: ['cali+'],
    chain: 'M-CALICO',
    delegate: {
      name: 'calico',
      cniVersion: '0.1.0',
      type: 'calico',
      ipam: { type: 'calico-ipam' },
      etcd_endpoints: 'http://u:s3cret@master.mesos:2379',
    },
  });
  t.deepEqual(done.config, { cniVersion: '1.0.0', name: 'calico', type: 'weir', chain: ROUTE_AND_POLICY });
  t.deepEqual(keys(done).sort(), ['chain', 'delegate.etcd_endpoints', 'excludeDevices']);
  t.regex(note(done, 'delegate.etcd_endpoints'), /--etcd-endpoints http:\/\/master\.mesos:2379;/);
  t.false(JSON.stringify(done).includes('s3cret'));
});

test('Mesos: Calico alone, as its own guide had it', (t) => {
  const done = convertConfig({ name: 'c', cniVersion: '0.1.0', type: 'calico', ipam: { type: 'calico-ipam' } });
  t.deepEqual(done, { config: { cniVersion: '1.0.0', name: 'c', type: 'weir', chain: ROUTE_AND_POLICY }, notes: [] });
});

test('every setting is carried over or named', (t) => {
  const done = convertConfig({
    name: 'c',
    type: 'calico',
    mtu: 1440,
    nodename: 'h1',
    log_level: 'info',
    etcd_key_file: '/k',
    policy: { type: 'k8s', k8s_auth_token: 't0ken' },
    frobnicate: 1,
    ipam: {
      type: 'calico-ipam',
      ipv4_pools: ['192.168.0.0/16', 'named'],
      ipv6_pools: ['fd00:1::/64'],
      assign_ipv6: 'true',
      subnet: 'usePodCidr',
    },
  });
  t.deepEqual(done.config.chain, [
    {
      type: 'weir-route',
      mtu: 1440,
      ipam: { type: 'weir-ipam', pools: ['calico-192-168-0-0-16', 'named', 'calico-fd00-1-64'], families: ['IPv4', 'IPv6'] },
    },
    { type: 'weir-policy' },
  ]);
  t.deepEqual(keys(done).sort(), [
    'etcd_key_file',
    'frobnicate',
    'ipam.ipv4_pools',
    'ipam.ipv6_pools',
    'ipam.subnet',
    'log_level',
    'nodename',
    'policy',
  ]);
  t.regex(note(done, 'ipam.ipv4_pools'), /cidr: "192\.168\.0\.0\/16"/);
  t.false(JSON.stringify(done).includes('t0ken'));
});

test('what the network says to every plugin stays: its name servers, and that CHECK or GC does harm', (t) => {
  const dns = { nameservers: ['192.0.2.53'], search: ['example.test'] };
  const done = convertConfig({
    name: 'c',
    type: 'calico',
    dns,
    disableCheck: true,
    disableGC: 'true',
    runtimeConfig: { mac: '02:00:00:00:00:01' },
  });
  t.like(done.config, { disableCheck: true, disableGC: 'true' });
  t.deepEqual((done.config.chain as object[])[0], { type: 'weir-route', dns, ipam: { type: 'weir-ipam' } });
  t.deepEqual(keys(done), ['runtimeConfig']);
});

test("others' plugins are spoken to in the highest version that they were, Weir's own in a new one", (t) => {
  const version = (given: object): unknown => convertConfig({ name: 'b', ...given }).config.cniVersion;
  const bridge = { type: 'bridge' };
  t.is(version({ cniVersion: '0.3.1', ...bridge }), '0.3.1');
  t.is(version(bridge), '0.1.0');
  t.is(version({ cniVersion: '0.3.1', cniVersions: ['0.4.0', '9.0.0'], plugins: [bridge] }), '0.4.0');
  t.is(version({ cniVersion: '0.1.0', type: 'mesos-cni-port-mapper', delegate: { cniVersion: '0.2.0', ...bridge } }), '0.2.0');
  t.is(version({ cniVersion: '0.3.1', plugins: [{ type: 'calico' }, { type: 'tuning' }] }), '0.3.1');
  t.is(version({ cniVersion: '0.3.1', type: 'calico', ipam: { type: 'host-local' } }), '0.3.1');
  t.is(version({ cniVersion: '0.1.0', type: 'calico' }), '1.0.0');
});

test('plugins in a folder beside a list are not forgotten', (t) => {
  const list = { name: 'b', cniVersion: '1.1.0', plugins: [{ type: 'bridge' }] };
  t.regex(note(convertConfig({ ...list, loadOnlyInlinedPlugins: false }), 'loadOnlyInlinedPlugins'), /the folder b\/ beside the list/);
  t.false(keys(convertConfig({ ...list, loadOnlyInlinedPlugins: true })).includes('loadOnlyInlinedPlugins'));
});

test('a list with Calico: its other plugins stay in the chain, portmap is not needed', (t) => {
  const bandwidth = { type: 'bandwidth', capabilities: { bandwidth: true } };
  const done = convertConfig({
    name: 'k8s',
    cniVersion: '0.3.1',
    plugins: [
      { type: 'calico', datastore_type: 'kubernetes', mtu: 0, ipam: { type: 'host-local', subnet: '10.1.0.0/24' } },
      { type: 'portmap', snat: true, capabilities: { portMappings: true } },
      bandwidth,
    ],
  });
  t.deepEqual(done.config.chain, [
    { type: 'weir-route', ipam: { type: 'host-local', subnet: '10.1.0.0/24' } },
    { type: 'weir-policy' },
    bandwidth,
  ]);
  t.deepEqual(keys(done), ['plugins.0.datastore_type', 'plugins.1.type']);
});

test("a list of others' plugins gets policy after the one that makes the interface", (t) => {
  const bridge = { type: 'bridge', bridge: 'cni0', ipam: { type: 'host-local', subnet: '10.1.0.0/24' } };
  const tuning = { type: 'tuning', mtu: 1400 };
  const { config } = convertConfig({ name: 'b', cniVersion: '1.0.0', args: { x: 1 }, plugins: [bridge, tuning] });
  t.deepEqual(config, { cniVersion: '1.0.0', name: 'b', type: 'weir', args: { x: 1 }, chain: [bridge, { type: 'weir-policy' }, tuning] });
  const single = convertConfig({ name: 'b', cniVersion: '0.3.1', ...bridge });
  t.deepEqual(single.config.chain, [bridge, { type: 'weir-policy' }]);
});

test('policy comes behind what gives the interface its hardware address, and the plugin that makes it need not be the first', async (t) => {
  const folder = await PluginFolder.make(t);
  for (const name of ['bridge', 'bandwidth', 'loopback', 'tuning']) await folder.add(name, 'exit 1');
  const bridge = { type: 'bridge', ipam: { type: 'weir-ipam' } };
  const [mac, told, bandwidth] = [
    { type: 'tuning', mac: '02:00:5e:00:53:07' },
    { type: 'tuning', capabilities: { mac: true } },
    { type: 'bandwidth' },
  ];
  const policy = { type: 'weir-policy' };
  for (const [plugins, chain] of [
    [
      [bridge, mac],
      [bridge, mac, policy],
    ],
    [
      [bridge, bandwidth, told, bandwidth],
      [bridge, bandwidth, told, policy, bandwidth],
    ],
    [
      [{ type: 'portmap' }, bridge],
      [bridge, policy],
    ],
    [
      [{ type: 'loopback' }, bridge, bandwidth],
      [{ type: 'loopback' }, bridge, policy, bandwidth],
    ],
  ]) {
    const { config } = convertConfig({ name: 'b', cniVersion: '1.0.0', plugins });
    t.deepEqual(config.chain, chain);
    t.deepEqual(await checkNetwork(config, [folder.path]), []);
  }
});

test('what comes out is a network that the tools take', async (t) => {
  for (const given of [
    { name: 'c', type: 'calico', ipam: { type: 'calico-ipam', assign_ipv4: 'false', assign_ipv6: 'true' }, mtu: 1440 },
    { name: 'c', type: 'mesos-cni-port-mapper', delegate: { type: 'calico' } },
  ])
    t.deepEqual(await checkNetwork(convertConfig(given).config, []), []);
});

for (const [given, message] of [
  [{}, /no network/],
  [{ name: 'x', plugins: [] }, /no network/],
  [[], /no network/],
  [{ name: 'x', type: 'weir' }, /nothing to convert/],
  [{ name: 'x', type: 'mesos-cni-port-mapper' }, /"delegate" is missing/],
  [{ name: 'x', plugins: [{ type: 'portmap' }] }, /no plugin of this network makes an interface/],
  [{ name: 'x', type: 'calico', ipam: { assign_ipv4: 'false' } }, /no address at all/],
] as const)
  test(`refused: ${JSON.stringify(given)}`, (t) => {
    t.throws(() => convertConfig(given), { name: 'CniError', message });
  });
