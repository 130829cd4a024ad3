import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Endpoint, hostInterfaceName } from '@weir/resources';
import test from 'ava';
import { CNI_VERSIONS, isAtLeast } from '../protocol/version.ts';
import type { Services } from '../services.ts';
import type { Task } from '../task/task.ts';
import { callTool, environment, NAMESPACE_FILE, NETWORK } from '../testing/cni-call.ts';
import { MESOS_CALLS } from '../testing/mesos-calls.ts';
import { PluginFolder } from '../testing/plugin-folder.ts';
import { codedError, ServicesDouble } from '../testing/services-double.ts';

const ID = '11111111-2222-3333-4444-555555555555';
const HOST_END = hostInterfaceName(ID, 'eth0', 'weir');

function mesosNetwork(labels: object[], more: object = {}): object {
  return { ...NETWORK, args: { 'org.apache.mesos': { network_info: { name: 'weir', labels: { labels } } } }, ...more };
}

const POLICY_DEMO = mesosNetwork([
  { key: 'run', value: 'nginx' },
  { key: 'weir/namespace', value: 'policy-demo' },
  { key: 'com.example/tier', value: 'front end' },
  { key: 'flag-only' },
]);

test('ADD: address, link, policy, in this order; Mesos and the specification both find what they read', async (t) => {
  const services = new ServicesDouble();
  const { exitCode, stderr, answer } = await callTool('weir', environment('ADD'), POLICY_DEMO, services);
  t.is(exitCode, 0);
  t.is(stderr, '');
  t.deepEqual(services.events, ['find', 'allocate', `attach ${HOST_END}`, `enforce ${HOST_END}`]);
  t.deepEqual(answer, {
    cniVersion: '1.0.0',
    ip4: { ip: '10.0.0.1/32', gateway: '169.254.1.1', routes: [{ dst: '0.0.0.0/0', gw: '169.254.1.1' }] },
    interfaces: [
      { name: HOST_END, mac: 'ee:ee:ee:ee:ee:ee' },
      { name: 'eth0', mac: '02:00:00:00:00:01', sandbox: NAMESPACE_FILE },
    ],
    ips: [{ address: '10.0.0.1/32', gateway: '169.254.1.1', interface: 1 }],
    routes: [{ dst: '0.0.0.0/0', gw: '169.254.1.1' }],
  });
});

test("the endpoint that policy sees carries the task's labels, cleaned, and its namespace", async (t) => {
  const services = new ServicesDouble();
  await callTool('weir', environment('ADD'), POLICY_DEMO, services);
  t.deepEqual(
    [...services.endpoints.values()],
    [
      {
        apiVersion: 'weir/v1',
        kind: 'Endpoint',
        metadata: {
          name: `${ID}-eth0`,
          namespace: 'policy-demo',
          labels: { run: 'nginx', 'com.example.tier': 'front-end', 'flag-only': '' },
          annotations: {},
        },
        spec: {
          host: 'host-1',
          containerId: ID,
          network: 'weir',
          interfaceName: 'eth0',
          hostInterface: HOST_END,
          addresses: ['10.0.0.1'],
          mac: '02:00:00:00:00:01',
          ports: [],
          mesos: { namespaceGiven: true },
        },
      },
    ],
  );
});

test("a task's own labels reach address and endpoint, the network's win, and a port can be named", async (t) => {
  const services = new ServicesDouble();
  const task: Task = {
    labels: [
      { key: 'run', value: 'app' },
      { key: 'tier', value: 'app' },
      { key: 'weir/ip', value: '10.0.0.77' },
    ],
    identity: { 'weir/app': '/shop/web' },
    namespace: 'shop',
    ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
    facts: { task: 't1' },
    warnings: ['told'],
  };
  const network = mesosNetwork([{ key: 'run', value: 'network' }]);
  const { answer } = await callTool('weir', environment('ADD'), network, Object.assign(services, { findTask: async () => task }));
  t.like(answer, { ip4: { ip: '10.0.0.77/32' } });
  const [endpoint] = services.endpoints.values();
  t.deepEqual(endpoint?.metadata.labels, { run: 'network', tier: 'app', 'weir/app': '/shop/web' });
  t.is(endpoint?.metadata.namespace, 'shop');
  t.deepEqual(endpoint?.metadata.annotations, { 'weir/warnings': 'told' });
  t.like(endpoint?.spec, { ports: task.ports, mesos: { task: 't1' } });
});

test('labels that want a policy made, where no Mesos agent is asked, are told of as not followed', async (t) => {
  const services = new ServicesDouble();
  const network = mesosNetwork([
    { key: 'run', value: 'db' },
    { key: 'WEIR_POLICY', value: 'allow from app=web' },
  ]);
  await callTool('weir', environment('ADD'), network, services);
  const [endpoint] = services.endpoints.values();
  t.deepEqual(endpoint?.metadata.annotations, {
    'weir/warnings': "weir/policy: not followed, the agent's configuration has no section mesos",
  });
});

test('waitForLabels holds an endpoint, and is refused where nobody could tell the labels', async (t) => {
  const chain = [
    { type: 'weir-route', ipam: { type: 'weir-ipam' } },
    { type: 'weir-policy', waitForLabels: true },
  ];
  const alone = await callTool('weir', environment('ADD'), mesosNetwork([], { chain }), new ServicesDouble());
  t.like(alone.answer, { code: 7 });
  const services = Object.assign(new ServicesDouble(), { findTask: async () => undefined });
  await callTool('weir', environment('ADD'), mesosNetwork([], { chain }), services);
  t.true([...services.endpoints.values()][0]?.spec.waitsForLabels);
});

test('both families', async (t) => {
  const services = new ServicesDouble();
  const chain = [{ type: 'weir-route', ipam: { type: 'weir-ipam', families: ['IPv4', 'IPv6'] } }, { type: 'weir-policy' }];
  const { answer } = await callTool('weir', environment('ADD'), mesosNetwork([], { chain }), services);
  t.like(answer, { ip4: { ip: '10.0.0.1/32' }, ip6: { ip: 'fd00::2/128', gateway: 'fe80::1', routes: [{ dst: '::/0', gw: 'fe80::1' }] } });
  t.deepEqual([...services.endpoints.values()][0]?.spec.addresses, ['10.0.0.1', 'fd00::2']);
});

for (const cniVersion of CNI_VERSIONS) {
  test(`${cniVersion}: ADD${isAtLeast(cniVersion, '0.4.0') ? ', CHECK' : ''} and DEL`, async (t) => {
    const services = new ServicesDouble();
    const added = await callTool('weir', environment('ADD'), { ...(POLICY_DEMO as object), cniVersion }, services);
    t.like(added, { exitCode: 0, answer: { cniVersion, ip4: { ip: '10.0.0.1/32' } } });
    const checked = await callTool('weir', environment('CHECK'), { ...NETWORK, cniVersion, prevResult: added.answer }, services);
    t.is(checked.exitCode, isAtLeast(cniVersion, '0.4.0') ? 0 : 1, JSON.stringify(checked));
    t.deepEqual(await callTool('weir', environment('DEL'), { ...NETWORK, cniVersion }, services), {
      exitCode: 0,
      stderr: '',
      answer: undefined,
    });
    await services.settled();
    t.true(services.isEmpty);
  });
}

test('DEL: policy, link, address, in this order; the address stays held while the link is there', async (t) => {
  const services = new ServicesDouble();
  await callTool('weir', environment('ADD'), POLICY_DEMO, services);
  services.events.length = 0;
  const { promise: gone, resolve: linkGone } = Promise.withResolvers<void>();
  const { detach } = services.wiring;
  services.wiring.detach = async (name) => {
    await gone;
    await detach(name);
  };
  t.is((await callTool('weir', environment('DEL'), POLICY_DEMO, services)).exitCode, 0);
  t.deepEqual(services.events, ['withdraw']);
  t.is(services.held.size, 1);
  linkGone();
  await services.settled();
  t.deepEqual(services.verbs, ['withdraw', 'detach', 'detach', 'release']);
  t.true(services.isEmpty);
});

test('a link that will not go keeps its address', async (t) => {
  const services = new ServicesDouble();
  await callTool('weir', environment('ADD'), POLICY_DEMO, services);
  services.failing.set('detach', codedError('EBUSY', 'busy', { operation: 'delete link' }));
  t.is((await callTool('weir', environment('DEL'), POLICY_DEMO, services)).exitCode, 0);
  t.is((await services.settled())[0]?.status, 'rejected');
  t.is(services.held.size, 1);
});

test('DEL of what never was, twice, without namespace, and over a namespace that is gone', async (t) => {
  const services = new ServicesDouble();
  for (const CNI_NETNS of [NAMESPACE_FILE, undefined, '', '/run/gone']) {
    t.deepEqual(await callTool('weir', environment('DEL', { CNI_NETNS }), POLICY_DEMO, services), {
      exitCode: 0,
      stderr: '',
      answer: undefined,
    });
  }
});

test('DEL while the store is away ends well, takes the link down and says what is left', async (t) => {
  for (const CNI_NETNS of [NAMESPACE_FILE, undefined]) {
    const services = new ServicesDouble();
    await callTool('weir', environment('ADD'), POLICY_DEMO, services);
    for (const operation of ['withdraw', 'release'] as const)
      services.failing.set(operation, codedError('EUNAVAILABLE', 'etcd at 10.0.0.9:2379 does not answer'));
    const { exitCode, stderr } = await callTool('weir', environment('DEL', { CNI_NETNS }), POLICY_DEMO, services);
    t.is(exitCode, 0);
    t.is(stderr, 'weir: DEL left something to the agent: etcd at 10.0.0.9:2379 does not answer\n');
    await services.settled();
    t.is(services.links.size, 0);
  }
});

test('DEL after an ADD that failed on its configuration or version ends well: Mesos calls it', async (t) => {
  for (const wrong of [
    { chain: 'x' },
    { chain: [] },
    { chain: [{ type: 7 }] },
    { cniVersion: '7.0.0' },
    { chain: [{ type: 'weir-route' }] },
  ]) {
    const services = new ServicesDouble();
    const network = mesosNetwork([], wrong);
    t.is((await callTool('weir', environment('ADD'), network, services)).exitCode, 1, JSON.stringify(wrong));
    t.is((await callTool('weir', environment('DEL'), network, services)).exitCode, 0, JSON.stringify(wrong));
    await services.settled();
    t.true(services.isEmpty);
  }
});

test('the same ADD twice: the second is refused and changes nothing', async (t) => {
  const services = new ServicesDouble();
  await callTool('weir', environment('ADD'), POLICY_DEMO, services);
  const before = [...services.endpoints.values(), ...services.links.values(), ...services.held.values()];
  services.events.length = 0;
  const again = await callTool('weir', environment('ADD'), POLICY_DEMO, services);
  t.like(again, {
    exitCode: 1,
    answer: { code: 100, msg: `eth0 of container ${ID} is already attached`, details: 'nothing was changed; call DEL first' },
  });
  await services.settled();
  t.deepEqual([...services.endpoints.values(), ...services.links.values(), ...services.held.values()], before);
  t.deepEqual(services.verbs, ['find', 'inspect']);
});

test('ADD over the leavings of one that was killed cleans them and does it anew', async (t) => {
  const services = new ServicesDouble();
  await callTool('weir', environment('ADD'), POLICY_DEMO, services);
  services.endpoints.clear();
  services.events.length = 0;
  const { exitCode, answer } = await callTool('weir', environment('ADD'), POLICY_DEMO, services);
  t.is(exitCode, 0);
  t.is(answer.ip4.ip, '10.0.0.1/32');
  t.deepEqual(services.verbs, ['find', 'allocate', 'attach', 'detach', 'attach', 'enforce']);
});

test('ADD for an endpoint whose link is gone, as after a reboot, does it anew', async (t) => {
  const services = new ServicesDouble();
  await callTool('weir', environment('ADD'), POLICY_DEMO, services);
  services.links.clear();
  t.is((await callTool('weir', environment('ADD'), POLICY_DEMO, services)).exitCode, 0);
  t.true(services.links.has(HOST_END));
});

test("a container that has somebody else's eth0 is refused, with nothing left", async (t) => {
  const services = new ServicesDouble();
  const foreign = { hostInterface: 'veth1', containerInterface: `${NAMESPACE_FILE} eth0`, addresses: [], mac: '06:00:00:00:00:01' };
  services.links.set('veth1', foreign);
  const { answer } = await callTool('weir', environment('ADD'), POLICY_DEMO, services);
  t.is(answer.code, 103);
  await services.settled();
  t.deepEqual([...services.links.values()], [foreign]);
  t.is(services.held.size, 0);
});

test('policy is in force while the link is still being made, and ADD answers when both are done', async (t) => {
  const services = new ServicesDouble();
  const made = Promise.withResolvers<void>();
  services.linksAreMade = made.promise;
  services.enforcement.enforce = async (endpoint) => {
    t.deepEqual([services.links.size, endpoint.spec.addresses, endpoint.spec.mac], [0, ['10.0.0.1'], '02:00:00:00:00:01']);
    services.events.push('enforce');
    made.resolve();
  };
  t.is((await callTool('weir', environment('ADD'), withMappings(MAPPINGS), services)).exitCode, 0);
  t.deepEqual(services.verbs, ['find', 'allocate', 'enforce', 'attach', 'openLoopback']);
});

test('the endpoint that is enforced is the one that was written with its addresses', async (t) => {
  const services = new ServicesDouble();
  await callTool('weir', environment('ADD'), POLICY_DEMO, services);
  t.like(services.along, [{ metadata: { namespace: 'policy-demo' }, spec: { addresses: ['10.0.0.1'], hostInterface: HOST_END } }]);
  t.is([...services.endpoints.values()][0], services.along[0]);
  // Alone nobody guards it, and what a step behind another one will guard is not yet known.
  const ipam = { type: 'weir-ipam' };
  await callTool('weir-route', environment('ADD', { CNI_CONTAINERID: 'alone' }), { ...NETWORK, ipam }, services);
  t.is(services.along[1], undefined);
});

test('a policy step that will fail does not fail the allocation, which other containers may share, and leaves nothing', async (t) => {
  for (const [policy, code] of [
    [{ cniVersion: '9.0.0' }, 1],
    [{ defaultAction: 'Perhaps' }, 7],
  ] as const) {
    const services = new ServicesDouble();
    const chain = [
      { type: 'weir-route', ipam: { type: 'weir-ipam' } },
      { type: 'weir-policy', ...policy },
    ];
    t.is((await callTool('weir', environment('ADD'), { ...NETWORK, chain }, services)).answer.code, code);
    t.deepEqual(services.along, [undefined]);
    await services.settled();
    t.true(services.isEmpty);
  }
});

test('a link that fails when policy is in force already takes policy away first, then what is left of itself, then its address', async (t) => {
  const services = new ServicesDouble();
  services.linksAreMade = nextTurn();
  services.failing.set('attach', codedError('EDEFAULTROUTE', 'another interface is the default route'));
  const { answer } = await callTool('weir', environment('ADD'), POLICY_DEMO, services);
  t.like(answer, { code: 103, msg: 'another interface is the default route' });
  await services.settled();
  t.deepEqual(services.verbs, ['find', 'allocate', 'enforce', 'attach', 'withdraw', 'detach', 'detach', 'release']);
  t.true(services.isEmpty);
});

test('of a link and of its policy that both fail the link is told of; and policy that fails waits for the link before it is undone', async (t) => {
  const services = new ServicesDouble();
  services.failing.set('enforce', codedError('ECONFLICT', 'contended'));
  services.linksAreMade = nextTurn();
  const add = async () => (await callTool('weir', environment('ADD'), POLICY_DEMO, services)).answer;
  t.is((await add()).msg, 'contended');
  await services.settled();
  t.deepEqual(services.verbs, ['find', 'allocate', 'enforce', 'attach', 'withdraw', 'detach', 'detach', 'release']);
  services.failing.set('attach', codedError('EADDRINUSE', 'routed elsewhere'));
  t.is((await add()).msg, 'routed elsewhere');
  await services.settled();
  t.true(services.isEmpty);
});

for (const step of ['allocate', 'attach', 'enforce'] as const) {
  test(`a failure of ${step} leaves nothing`, async (t) => {
    const services = new ServicesDouble();
    services.failing.set(step, codedError('EUNAVAILABLE', 'etcd at 10.0.0.9:2379 does not answer'));
    const { exitCode, answer, stderr } = await callTool('weir', environment('ADD'), POLICY_DEMO, services);
    t.like({ exitCode, stderr }, { exitCode: 1, stderr: '' });
    t.like(answer, { cniVersion: '1.0.0', code: 11, msg: 'etcd at 10.0.0.9:2379 does not answer' });
    t.regex(answer.details, /check its endpoints/);
    await services.settled();
    t.true(services.isEmpty);
  });
}

test('a failure that cannot be undone says both', async (t) => {
  const services = new ServicesDouble();
  services.failing.set('enforce', codedError('ECONFLICT', 'contended'));
  services.failing.set('withdraw', codedError('EUNAVAILABLE', 'store away'));
  const { answer } = await callTool('weir', environment('ADD'), POLICY_DEMO, services);
  t.like(answer, { code: 11, msg: 'contended' });
  t.regex(answer.details, /undoing it left something behind: store away$/);
});

test('a missing namespace file has code 3 and takes no address', async (t) => {
  const services = new ServicesDouble();
  const { exitCode, answer } = await callTool('weir', environment('ADD', { CNI_NETNS: '/run/netns/gone' }), POLICY_DEMO, services);
  t.like({ exitCode, ...answer }, { exitCode: 1, code: 3, msg: 'the network namespace /run/netns/gone (CNI_NETNS) does not exist' });
  t.false(services.verbs.includes('allocate'));
});

test("the host's own namespace is refused", async (t) => {
  const { answer } = await callTool('weir', environment('ADD', { CNI_NETNS: '/proc/self/ns/net' }), POLICY_DEMO, new ServicesDouble());
  t.is(answer.code, 8);
});

test('an exhausted pool tells what to do', async (t) => {
  const services = new ServicesDouble();
  services.failing.set('allocate', codedError('EEXHAUSTED', 'pool tasks: no free address'));
  const { answer } = await callTool('weir', environment('ADD'), POLICY_DEMO, services);
  t.like(answer, { code: 101, msg: 'pool tasks: no free address' });
});

test('a chosen address is asked for, and one that cannot be given fails the task', async (t) => {
  const network = {
    ...NETWORK,
    args: { 'org.apache.mesos': { network_info: { ip_addresses: [{ protocol: 'IPv4', ip_address: '10.1.2.3' }] } } },
  };
  const services = new ServicesDouble();
  const { answer } = await callTool('weir', environment('ADD'), network, services);
  t.is(answer.ip4.ip, '10.1.2.3/32');
  for (const code of ['EOUTSIDE', 'ETAKEN', 'EREFUSED']) {
    services.failing.set('allocate', codedError(code, 'eth0 of container c asks for 10.1.2.3'));
    const failed = await callTool('weir', environment('ADD', { CNI_CONTAINERID: 'c' }), network, services);
    t.like(failed.answer, { code: 108, msg: 'eth0 of container c asks for 10.1.2.3' });
  }
});

test('without weir-policy the interface is an open one, and a second ADD is refused', async (t) => {
  const services = new ServicesDouble();
  const network = { ...NETWORK, chain: [{ type: 'weir-route', ipam: { type: 'weir-ipam' } }] };
  const { answer } = await callTool('weir', environment('ADD'), network, services);
  t.is(answer.interfaces[0].name, hostInterfaceName(ID, 'eth0', 'wlnk'));
  t.false('ip4' in answer);
  t.is((await callTool('weir', environment('ADD'), network, services)).answer.code, 100);
  t.is(services.links.size, 1);
  await callTool('weir', environment('DEL'), network, services);
  await services.settled();
  t.true(services.isEmpty);
});

test('what a runtime asks for reaches our own steps undeclared: addresses, a MAC address', async (t) => {
  const services = new ServicesDouble();
  const asked = { ...NETWORK, runtimeConfig: { ips: ['10.3.0.7/16'], mac: '06-AA-BB-CC-DD-EE' } };
  const { answer } = await callTool('weir', environment('ADD'), asked, services);
  t.is(answer.ips[0].address, '10.3.0.7/32');
  t.is(answer.interfaces[1].mac, '06:aa:bb:cc:dd:ee');
  t.is([...services.endpoints.values()][0]?.spec.mac, '06:aa:bb:cc:dd:ee');
  const add = async (more: object, env = {}) =>
    (
      await callTool(
        'weir',
        environment('ADD', { CNI_CONTAINERID: 'other', CNI_NETNS: '/dev/null', ...env }),
        { ...NETWORK, ...more },
        services,
      )
    ).answer;
  for (const mac of ['01:00:5e:00:00:01', '00:00:00:00:00:00', 'x', 7])
    t.like(await add({ runtimeConfig: { mac } }), { code: 7, details: 'correct the MAC address that is asked for, or leave it out' });
  t.is((await add({ args: { cni: { mac: '06:00:00:00:00:07' } } })).interfaces[1].mac, '06:00:00:00:00:07');
  t.is(
    (await add({}, { CNI_CONTAINERID: 'third', CNI_NETNS: '/dev/zero', CNI_ARGS: 'IgnoreUnknown=1;MAC=06:00:00:00:00:08' })).interfaces[1]
      .mac,
    '06:00:00:00:00:08',
  );
});

test('what a runtime says by conventions alone: labels in args, DNS servers in runtimeConfig', async (t) => {
  const services = new ServicesDouble();
  const labels = [
    { key: 'app', value: 'web' },
    { key: 'weir/namespace', value: 'shop' },
    { key: 'weir/ip', value: '10.3.0.7' },
  ];
  const dns = { servers: ['192.0.2.53'], searches: ['example.test'], options: [] };
  const chain = [
    { type: 'weir-route', ipam: { type: 'weir-ipam' }, dns: { nameservers: ['192.0.2.1'], options: ['ndots:2'] } },
    { type: 'weir-policy' },
  ];
  const network = { ...NETWORK, chain, args: { cni: { labels } }, runtimeConfig: { dns } };
  const { answer } = await callTool('weir', environment('ADD'), network, services);
  t.is(answer.ips[0].address, '10.3.0.7/32');
  t.deepEqual(answer.dns, { nameservers: ['192.0.2.53'], search: ['example.test'], options: ['ndots:2'] });
  t.like([...services.endpoints.values()][0]?.metadata, { namespace: 'shop', labels: { app: 'web' } });
  const wrong = async (more: object) => (await callTool('weir', environment('ADD'), { ...NETWORK, ...more }, new ServicesDouble())).answer;
  t.like(await wrong({ args: { cni: { labels: { app: 'web' } } } }), { code: 7 });
  t.like(await wrong({ runtimeConfig: { dns: { servers: '192.0.2.53' } } }), { code: 7 });
});

test("aliases of the runtime are the endpoint's; ranges of addresses are refused by weir-ipam, and handed to another IPAM plugin", async (t) => {
  const services = new ServicesDouble();
  const aliased = { ...NETWORK, runtimeConfig: { aliases: ['primary-db', ''] } };
  await callTool('weir', environment('ADD'), aliased, services);
  t.deepEqual([...services.endpoints.values()][0]?.spec.aliases, ['primary-db']);
  for (const [aliases, names] of [
    [{ [NETWORK.name]: ['db', 'db'], other: ['web'] }, ['db']],
    [{ other: ['web'] }, undefined],
    [null, undefined],
  ] as const) {
    const doubled = new ServicesDouble();
    await callTool('weir', environment('ADD'), { ...NETWORK, runtimeConfig: { aliases } }, doubled);
    t.deepEqual([...doubled.endpoints.values()][0]?.spec.aliases, names);
  }
  const wrong = { ...NETWORK, runtimeConfig: { aliases: 'primary-db' } };
  t.like((await callTool('weir', environment('ADD'), wrong, new ServicesDouble())).answer, {
    code: 7,
    msg: 'runtimeConfig.aliases: the whole is "primary-db": expected a list of names, or one for each network',
  });

  const ipRanges = [[{ subnet: '10.9.0.0/24' }]];
  const chain = [{ type: 'weir-route', ipam: { type: 'weir-ipam' }, capabilities: { ipRanges: true } }];
  const asked = { ...NETWORK, chain, runtimeConfig: { ipRanges } };
  const refused = new ServicesDouble();
  t.like((await callTool('weir', environment('ADD'), asked, refused)).answer, {
    code: 2,
    msg: 'runtimeConfig.ipRanges is [[{"subnet":"10.9.0.0/24"}]]: weir-ipam gives addresses of pools',
  });
  t.true(refused.isEmpty);
  const none = { ...asked, runtimeConfig: { ipRanges: [] } };
  t.is((await callTool('weir', environment('ADD'), none, new ServicesDouble())).exitCode, 0);
});

test('a MAC address and an MTU that a later step tuning will set are the link’s from the start', async (t) => {
  const linkOf = async (tuning: object, more: object = {}): Promise<{ mac: string; mtu?: number }> => {
    const services = new ServicesDouble();
    const folder = await PluginFolder.make(t);
    await folder.add('tuning', `[ $CNI_COMMAND = ADD ] && sed 's/.*"prevResult"://;s/}$//'`);
    const chain = [{ type: 'weir-route', ipam: { type: 'weir-ipam' } }, { type: 'weir-policy' }, { type: 'tuning', ...tuning }];
    const network = { ...NETWORK, cniVersion: '1.0.0', chain, ...more };
    const { answer } = await callTool('weir', environment('ADD', { CNI_PATH: folder.path }), network, services);
    t.is([...services.endpoints.values()][0]?.spec.mac, answer.interfaces[1].mac);
    return answer.interfaces[1];
  };
  const macOf = async (...call: Parameters<typeof linkOf>) => (await linkOf(...call)).mac;
  const [mac, other] = ['02:00:5e:00:53:07', '02:00:5e:00:53:08'];
  t.is(await macOf({ mac }), mac);
  t.is(await macOf({ mac }, { runtimeConfig: { mac: other } }), mac, 'tuning is not told of the runtime’s');
  t.is(await macOf({ mac, capabilities: { mac: true } }, { runtimeConfig: { mac: other } }), other);
  t.is(await macOf({ mac }, { args: { cni: { mac: other } } }), other);
  t.is(await macOf({ sysctl: {} }, { runtimeConfig: { mac: other } }), other);
  t.like(await linkOf({ mac, mtu: 1400 }), { mac, mtu: 1400 });
  t.is((await linkOf({ mtu: 1300 })).mtu, 1300);
});

test('what the IPAM has routes to is reached by the link, by its host; of a family without any, everything; and the endpoint is written once', async (t) => {
  const folder = await PluginFolder.make(t);
  const routes = [{ dst: '10.66.0.0/16' }, { dst: '10.67.0.0/16', gw: '10.66.0.1' }];
  const own = { type: 'weir-ipam', families: ['IPv4', 'IPv6'], routes };
  const ips = [{ address: '10.8.0.7/24' }, { address: 'fd00::7/64' }];
  await folder.add('theirs', `[ $CNI_COMMAND = DEL ] || echo '${JSON.stringify({ ips, routes: [...routes, { dst: '10.66.9.9/16' }] })}'`);
  for (const ipam of [own, { type: 'theirs' }]) {
    const services = new ServicesDouble();
    const chain = [{ type: 'weir-route', ipam }, { type: 'weir-policy' }];
    const { answer } = await callTool('weir', environment('ADD', { CNI_PATH: folder.path }), { ...NETWORK, chain }, services);
    t.deepEqual(answer.routes, [
      { dst: '10.66.0.0/16', gw: '169.254.1.1' },
      { dst: '10.67.0.0/16', gw: '169.254.1.1' },
      { dst: '::/0', gw: 'fe80::1' },
    ]);
    t.is([...services.links.values()][0]?.destinations?.length, 2);
    if (ipam === own) t.is(services.along[0], [...services.endpoints.values()][0]);
  }
});

test('disableCheck and disableGC are texts too, as libcni has them', async (t) => {
  const services = new ServicesDouble();
  const network = { ...NETWORK, cniVersion: '1.1.0', 'cni.dev/valid-attachments': [] };
  const run = async (command: string, more: object) =>
    (await callTool('weir', environment(command), { ...network, ...more }, services)).answer;
  t.is(await run('CHECK', { disableCheck: 'True' }), undefined);
  t.is(await run('GC', { disableGC: 'true' }), undefined);
  t.deepEqual(services.events, []);
  t.regex((await run('CHECK', { disableCheck: 'false' })).msg, /CHECK needs the prevResult/);
  t.like(await run('GC', { disableGC: 'yes' }), { code: 7 });
});

test('CHECK finds out what is missing', async (t) => {
  const services = new ServicesDouble();
  const { answer: prevResult } = await callTool('weir', environment('ADD'), POLICY_DEMO, services);
  const check = async () => (await callTool('weir', environment('CHECK'), { ...NETWORK, prevResult }, services)).answer?.msg ?? 'sound';
  t.is(await check(), 'sound');

  const [key, endpoint] = [...services.endpoints][0]!;
  services.endpoints.set(key, { ...endpoint, spec: { ...endpoint.spec, addresses: ['10.0.0.9'] } });
  t.is(await check(), 'weir-policy: the endpoint has addresses 10.0.0.9, ADD made 10.0.0.1');
  services.endpoints.set(key, endpoint);
  services.ruleDrift.push(`nftables lacks element/to_endpoint/${HOST_END}`);
  t.is(await check(), `weir-policy: nftables lacks element/to_endpoint/${HOST_END}`);
  services.ruleDrift.length = 0;
  services.endpoints.delete(key);
  t.regex(await check(), /^weir-policy: no policy is in force/);
  services.endpoints.set(key, endpoint);

  const [held] = [...services.held];
  services.held.clear();
  t.regex(await check(), /^weir-ipam: 10\.0\.0\.1 is not held/);
  services.held.set(...held!);

  const link = services.links.get(HOST_END)!;
  services.links.set(HOST_END, { ...link, addresses: [] });
  t.is(await check(), `weir-route: eth0 has lost its address 10.0.0.1; the host has lost its route to 10.0.0.1 by ${HOST_END}`);

  // All that is wrong in one error.
  services.links.clear();
  services.held.clear();
  services.endpoints.clear();
  t.is(
    await check(),
    `weir-route: eth0 is gone; ${HOST_END} is gone; weir-ipam: 10.0.0.1 is not held for ${ID} eth0; ` +
      `weir-policy: no policy is in force for eth0 of ${ID}`,
  );
  const switchedOff = { ...NETWORK, prevResult, disableCheck: true };
  t.is((await callTool('weir', environment('CHECK'), switchedOff, services)).exitCode, 0);

  const bare = await callTool('weir', environment('CHECK'), NETWORK, services);
  t.regex(bare.answer.msg, /CHECK needs the prevResult/);
});

test('ids as Mesos and its frameworks make them', async (t) => {
  const services = new ServicesDouble();
  const calls = [...new Set(MESOS_CALLS.map(({ env }) => env.CNI_CONTAINERID!))];
  for (const CNI_CONTAINERID of calls) {
    t.is(
      (await callTool('weir', environment('ADD', { CNI_CONTAINERID, CNI_NETNS: '/dev/null' }), NETWORK, withoutSharedNamespace(services)))
        .exitCode,
      0,
    );
  }
  const endpoints = [...services.endpoints.values()];
  t.is(new Set(endpoints.map(({ metadata }) => metadata.name)).size, calls.length);
  t.deepEqual(
    endpoints.map(({ spec }) => spec.containerId),
    calls,
  );
  for (const CNI_CONTAINERID of calls)
    t.is((await callTool('weir', environment('DEL', { CNI_CONTAINERID, CNI_NETNS: undefined }), NETWORK, services)).exitCode, 0);
  await services.settled();
  t.true(services.isEmpty);
});

/** Each container has a namespace of its own; these share a file that stands for it. */
function withoutSharedNamespace(services: ServicesDouble): Services {
  const { attach } = services.wiring;
  const wiring: Services['wiring'] = { ...services.wiring, attach: (request) => attach({ ...request, namespace: request.hostInterface }) };
  return { ...services, wiring };
}

test('a namespace that is no name is refused, with nothing left', async (t) => {
  const services = new ServicesDouble();
  const { answer } = await callTool('weir', environment('ADD'), mesosNetwork([{ key: 'weir/namespace', value: 'Policy_Demo' }]), services);
  t.is(answer.code, 7);
  t.regex(answer.msg, /Policy_Demo/);
  await services.settled();
  t.true(services.isEmpty);
});

test("two interfaces of one container do not get in each other's way", async (t) => {
  const services = new ServicesDouble();
  const [one, two] = await Promise.all(
    ['eth0', 'eth1'].map((CNI_IFNAME) => callTool('weir', environment('ADD', { CNI_IFNAME }), POLICY_DEMO, services)),
  );
  t.not(one?.answer.ip4.ip, two?.answer.ip4.ip);
  await callTool('weir', environment('DEL', { CNI_IFNAME: 'eth1' }), POLICY_DEMO, services);
  await services.settled();
  t.deepEqual([...services.endpoints.keys()], [`${ID} eth0`]);
  t.is(services.links.size, 1);
  t.is(services.held.size, 1);
});

function withMappings(port_mappings: unknown, more: object = {}): object {
  return { ...NETWORK, args: { 'org.apache.mesos': { network_info: { name: 'weir', port_mappings } } }, ...more };
}

const MAPPINGS = [
  { host_port: 31080, container_port: 80 },
  { host_port: 31053, container_port: 53, protocol: 'UDP' },
];

test('what Mesos maps are host ports of the endpoint, and CHECK knows them', async (t) => {
  const services = new ServicesDouble();
  const { answer } = await callTool('weir', environment('ADD'), withMappings(MAPPINGS), services);
  const [[key, endpoint]] = [...services.endpoints] as [[string, Endpoint]];
  t.deepEqual(endpoint.spec.hostPorts, [
    { hostPort: 31080, containerPort: 80, protocol: 'TCP' },
    { hostPort: 31053, containerPort: 53, protocol: 'UDP' },
  ]);
  const check = async () => (await callTool('weir', environment('CHECK'), withMappings(MAPPINGS, { prevResult: answer }), services)).answer;
  t.is(await check(), undefined);
  services.endpoints.set(key, { ...endpoint, spec: { ...endpoint.spec, hostPorts: endpoint.spec.hostPorts!.slice(1) } });
  t.is(
    (await check()).msg,
    'weir-policy: the endpoint has hostPorts UDP 0.0.0.0:31053 to 53, ADD made TCP 0.0.0.0:31080 to 80,UDP 0.0.0.0:31053 to 53',
  );
});

test('runtimeConfig.portMappings, as Kubernetes writes them, come before what Mesos says', async (t) => {
  const services = new ServicesDouble();
  const portMappings = [
    { hostPort: 8080, containerPort: 80, protocol: 'tcp', hostIP: '' },
    { hostPort: 8081, containerPort: 81, protocol: 'sctp', hostIP: '192.168.0.1' },
  ];
  await callTool('weir', environment('ADD'), withMappings(MAPPINGS, { runtimeConfig: { portMappings } }), services);
  t.deepEqual([...services.endpoints.values()][0]!.spec.hostPorts, [
    { hostPort: 8080, containerPort: 80, protocol: 'TCP' },
    { hostIP: '192.168.0.1', hostPort: 8081, containerPort: 81, protocol: 'SCTP' },
  ]);
});

test('weir-policy by itself, in the list of another runtime, takes portMappings too', async (t) => {
  const services = new ServicesDouble();
  const { answer: prevResult } = await callTool('weir-route', environment('ADD'), { ...NETWORK, ipam: { type: 'weir-ipam' } }, services);
  const runtimeConfig = { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] };
  const { exitCode } = await callTool('weir-policy', environment('ADD'), { ...NETWORK, prevResult, runtimeConfig }, services);
  t.is(exitCode, 0);
  t.deepEqual([...services.endpoints.values()][0]!.spec.hostPorts, [{ hostPort: 8080, containerPort: 80, protocol: 'TCP' }]);
});

test('host ports that nobody would map are refused, and nothing is left', async (t) => {
  const services = new ServicesDouble();
  const refused = async (network: object, msg: RegExp, code = 7) => {
    const { answer } = await callTool('weir', environment('ADD'), network, services);
    t.is(answer.code, code);
    t.regex(answer.msg, msg);
    t.is((await callTool('weir', environment('DEL'), network, services)).exitCode, 0);
    await services.settled();
    t.true(services.isEmpty);
  };
  await refused(
    withMappings(MAPPINGS, { chain: [{ type: 'weir-route', ipam: { type: 'weir-ipam' } }] }),
    /^portMappings is \[.*\]: no step of the network "weir" maps ports/,
    2,
  );
  await refused(withMappings([{ host_port: 0, container_port: 80 }]), /portMappings\.0\.hostPort/);
  await refused(withMappings([{ host_port: 'http', container_port: 80 }]), /port_mappings/);
  await refused(withMappings([{ host_port: 80, container_port: 80, protocol: 'icmp' }]), /portMappings\.0\.protocol/);
  await refused(withMappings([...MAPPINGS, ...MAPPINGS]), /hostPorts\[2\].*TCP 0\.0\.0\.0:31080 is mapped by an earlier entry/s);
});

test('a port that another container has may be free later', async (t) => {
  const services = new ServicesDouble();
  services.failing.set('enforce', codedError('EHOSTPORT', 'port TCP 0.0.0.0:31080 of host host-1 leads to container other already'));
  const { answer } = await callTool('weir', environment('ADD'), withMappings(MAPPINGS), services);
  t.is(answer.code, 11);
  t.regex(answer.msg, /leads to container other already/);
  t.regex(answer.details, /another host port/);
});

const RED = { ...POLICY_DEMO, name: 'red' };

test('a network with its own address space: its endpoint says so, its link and addresses are of it, and DEL leaves nothing', async (t) => {
  const services = new ServicesDouble();
  services.ownNetworks.add('red');
  t.is((await callTool('weir', environment('ADD'), RED, services)).exitCode, 0);
  t.is(services.links.get(HOST_END)?.space, 'red');
  t.deepEqual(services.spaces, ['red']);
  t.like([...services.endpoints.values()][0]?.spec, { network: 'red', addressSpace: 'Own' });
  t.is((await callTool('weir', environment('DEL'), RED, services)).exitCode, 0);
  await services.settled();
  t.true(services.isEmpty);
});

test('what puts addresses where all networks are does not go with an own address space', async (t) => {
  const policy = { type: 'weir-policy' };
  for (const [network, message] of [
    [{ ...RED, chain: [{ type: 'weir-route', ipam: { type: 'host-local' } }, policy] }, /which host-local gives no addresses of/],
    [
      { ...RED, runtimeConfig: { portMappings: [{ hostPort: 80, containerPort: 80, protocol: 'tcp' }] } },
      /the host has no way into a network/,
    ],
  ] as const) {
    const services = new ServicesDouble();
    services.ownNetworks.add('red');
    const { exitCode, answer } = await callTool('weir', environment('ADD'), network, services);
    t.is(exitCode, 1);
    t.regex(answer.msg, message);
    await services.settled();
    t.true(services.isEmpty);
  }
  const services = new ServicesDouble();
  services.ownNetworks.add('red');
  const prevResult = {
    cniVersion: '1.0.0',
    interfaces: [{ name: 'cni0' }, { name: 'eth0', sandbox: NAMESPACE_FILE }],
    ips: [{ address: '10.0.0.1/24', interface: 1 }],
  };
  const { answer } = await callTool('weir-policy', environment('ADD'), { ...RED, type: 'weir-policy', prevResult }, services);
  t.regex(answer.msg, /network "red" has its own address space, and its interface is not of weir-route/);
  t.true(services.isEmpty);
});

test('hostDns: the result names the DNS server of the host and the namespace of the task; without a server ADD says what to do', async (t) => {
  const services = new ServicesDouble();
  const route = { type: 'weir-route', ipam: { type: 'weir-ipam' }, hostDns: true, dns: { search: ['example.com'], options: ['ndots:2'] } };
  const network = mesosNetwork([{ key: 'weir/namespace', value: 'shop' }], { chain: [route, { type: 'weir-policy' }] });
  const refused = await callTool('weir', environment('ADD'), network, services);
  t.is(refused.answer.msg, 'the network "weir" has "hostDns": true, and the agent of host-1 answers no DNS');
  t.false(
    services.events.some((event) => /^(allocate|attach)/.test(event)),
    'before anything was made',
  );
  services.dns = { nameservers: { '4': '169.254.1.53', '6': 'fd77:6569:7200::53' }, domain: 'weir' };
  const { answer } = await callTool('weir', environment('ADD'), network, services);
  t.deepEqual(answer.dns, { nameservers: ['169.254.1.53'], search: ['shop.weir', 'weir', 'example.com'], options: ['ndots:2'] });
});

test('dns of the configuration is in the result as it is', async (t) => {
  const dns = { nameservers: ['192.0.2.53'], domain: 'example.com', search: ['example.com'], options: ['ndots:2'] };
  const route = { type: 'weir-route', ipam: { type: 'weir-ipam' }, dns };
  const network = mesosNetwork([], { chain: [route, { type: 'weir-policy' }] });
  t.deepEqual((await callTool('weir', environment('ADD'), network, new ServicesDouble())).answer.dns, dns);
});
