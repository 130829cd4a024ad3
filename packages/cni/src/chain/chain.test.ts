import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { callTool, environment, NETWORK } from '../testing/cni-call.ts';
import { PluginFolder } from '../testing/plugin-folder.ts';
import { codedError, ServicesDouble } from '../testing/services-double.ts';

const ROUTED = {
  cniVersion: '0.4.0',
  interfaces: [{ name: 'veth1' }, { name: 'eth0', sandbox: '/ns' }],
  ips: [{ version: '4', address: '10.9.0.1/24', interface: 1 }],
};
const MESOS = { 'org.apache.mesos': { network_info: { name: 'weir' } } };

test('a foreign plugin gets name, version, args, prevResult and its declared capabilities', async (t) => {
  const folder = await PluginFolder.make(t);
  await folder.addRecorder('first', ROUTED);
  await folder.addRecorder('second', ROUTED);
  const network = {
    ...NETWORK,
    cniVersion: '0.4.0',
    args: MESOS,
    runtimeConfig: { portMappings: [{ hostPort: 1 }], bandwidth: { ingressRate: 1 } },
    chain: [
      { type: 'first', own: 'key', args: { mine: 1 } },
      { type: 'second', cniVersion: '1.0.0', capabilities: { portMappings: true, bandwidth: false } },
      { type: 'weir-policy' },
    ],
  };
  const services = new ServicesDouble();
  const { exitCode, answer } = await callTool('weir', environment('ADD', { CNI_PATH: folder.path }), network, services);
  t.is(exitCode, 0, JSON.stringify(answer));
  t.deepEqual(await folder.calls('first'), [
    { command: 'ADD', config: { type: 'first', own: 'key', name: 'weir', cniVersion: '0.4.0', args: { mine: 1, ...MESOS } } },
  ]);
  const [second] = await folder.calls('second');
  t.deepEqual(second?.config, {
    type: 'second',
    name: 'weir',
    cniVersion: '1.0.0',
    args: MESOS,
    runtimeConfig: { portMappings: [{ hostPort: 1 }] },
    prevResult: { cniVersion: '1.0.0', interfaces: ROUTED.interfaces, ips: [{ address: '10.9.0.1/24', interface: 1 }] },
  });
  t.like([...services.endpoints.values()][0]?.spec, { hostInterface: 'veth1', addresses: ['10.9.0.1'] });
  t.like(answer, { cniVersion: '0.4.0', ip4: { ip: '10.9.0.1/24' }, interfaces: ROUTED.interfaces });
});

test("somebody else's plugin finds the links of the steps before it made, and what came of a link that fails undone", async (t) => {
  const folder = await PluginFolder.make(t);
  await folder.addRecorder('other', ROUTED);
  const services = new ServicesDouble();
  services.linksAreMade = nextTurn();
  const chain = [{ type: 'weir-route', ipam: { type: 'weir-ipam' } }, { type: 'weir-policy' }, { type: 'other' }];
  const network = { ...NETWORK, chain };
  services.results.keep = () => {
    t.deepEqual(services.verbs, ['find', 'allocate', 'enforce', 'attach']);
  };
  t.is((await callTool('weir', environment('ADD', { CNI_PATH: folder.path }), network, services)).exitCode, 0);
  services.failing.set('attach', codedError('EADDRINUSE', 'routed elsewhere'));
  const second = await callTool('weir', environment('ADD', { CNI_PATH: folder.path, CNI_CONTAINERID: 'second' }), network, services);
  t.is(second.answer.msg, 'routed elsewhere');
  // Of the failed one nobody else heard, ADD or DEL.
  t.deepEqual(
    (await folder.calls('other')).map(({ command }) => command),
    ['ADD'],
  );
});

test("Mesos' addresses and ports reach foreign steps that declare the capability, as runtimeConfig; other capabilities pass too", async (t) => {
  const folder = await PluginFolder.make(t);
  for (const name of ['plain', 'able']) await folder.addRecorder(name, ROUTED);
  const all = ['portMappings', 'bandwidth', 'ips', 'mac', 'dns', 'aliases', 'ipRanges', 'infinibandGUID', 'deviceID', 'cgroupPath'];
  const given = Object.fromEntries(
    all
      .slice(1)
      .filter((name) => name !== 'ips')
      .map((name) => [name, { some: name }]),
  );
  const info = {
    ip_addresses: [{ protocol: 'IPv4' }, { ip_address: '10.9.0.5', protocol: 'IPv4' }],
    port_mappings: [{ host_port: 31000, container_port: 80 }],
  };
  const network = {
    ...NETWORK,
    args: { 'org.apache.mesos': { network_info: info } },
    runtimeConfig: given,
    chain: [{ type: 'plain' }, { type: 'able', capabilities: Object.fromEntries(all.map((name) => [name, true])) }],
  };
  const { exitCode, answer } = await callTool('weir', environment('ADD', { CNI_PATH: folder.path }), network, new ServicesDouble());
  t.is(exitCode, 0, JSON.stringify(answer));
  t.false('runtimeConfig' in (await folder.calls('plain'))[0]!.config);
  const portMappings = [{ hostPort: 31000, containerPort: 80, protocol: 'tcp' }];
  t.deepEqual((await folder.calls('able'))[0]!.config.runtimeConfig, { ...given, portMappings, ips: ['10.9.0.5'] });
});

test('what only 1.1.0 can say goes through a chain whole', async (t) => {
  const folder = await PluginFolder.make(t);
  const result = {
    cniVersion: '1.1.0',
    interfaces: [
      { name: 'veth1', mtu: 1450, socketPath: '/run/vhost', pciID: '0000:00:1f.6' },
      { name: 'eth0', mac: '02:00:00:00:00:01', mtu: 1450, sandbox: '/ns' },
    ],
    ips: [{ address: '10.9.0.1/24', gateway: '10.9.0.254', interface: 1 }],
    routes: [{ dst: '0.0.0.0/0', gw: '10.9.0.254', mtu: 1400, advmss: 1360, priority: 7, table: 100, scope: 0 }],
    dns: { nameservers: ['192.0.2.53'], domain: 'example.test', search: ['example.test'], options: ['ndots:2'] },
  };
  await folder.addRecorder('first', result);
  const chain = [{ type: 'first' }, { type: 'weir-policy' }];
  const network = { ...NETWORK, cniVersion: '1.1.0', chain };
  const { answer } = await callTool('weir', environment('ADD', { CNI_PATH: folder.path }), network, new ServicesDouble());
  t.deepEqual(answer, result);
});

test('a step speaks the highest version that the network names, the answer has the one that was asked in', async (t) => {
  const folder = await PluginFolder.make(t);
  await folder.addRecorder('first', ROUTED);
  const version = async (more: object) => {
    const network = { ...NETWORK, chain: [{ type: 'first' }, { type: 'weir-policy' }], ...more };
    const { answer } = await callTool('weir', environment('ADD', { CNI_PATH: folder.path }), network, new ServicesDouble());
    return [(await folder.calls('first')).at(-1)!.config.cniVersion, answer.cniVersion];
  };
  t.deepEqual(await version({ cniVersion: '0.4.0', cniVersions: ['0.3.1', '1.0.0', '9.0.0'] }), ['1.0.0', '0.4.0']);
  t.deepEqual(await version({ cniVersion: '1.0.0', cniVersions: ['0.4.0'] }), ['1.0.0', '1.0.0']);
  t.deepEqual(await version({ cniVersion: '', cniVersions: null }), ['0.1.0', '0.1.0']);
});

test("what another's plugin says on standard error is said on ours, whether it fails or not", async (t) => {
  const folder = await PluginFolder.make(t);
  await folder.add('chatty', `echo "$CNI_COMMAND was here" >&2; [ $CNI_COMMAND = DEL ] || echo '${JSON.stringify(ROUTED)}'`);
  await folder.add('broken', 'echo \'{"code":123,"msg":"no way"}\'; echo "and why" >&2; exit 1');
  const call = async (...types: string[]) => {
    const network = { ...NETWORK, chain: types.map((type) => ({ type })) };
    return callTool('weir', environment('ADD', { CNI_PATH: folder.path }), network, new ServicesDouble());
  };
  t.like(await call('chatty', 'chatty'), { exitCode: 0, stderr: 'ADD was here\nADD was here\n' });
  t.like(await call('chatty', 'broken'), { exitCode: 1, answer: { code: 123 }, stderr: 'ADD was here\nand why\nand why\nDEL was here\n' });
});

test('a chain that gives no address is refused where the runtime could not be told without one', async (t) => {
  const folder = await PluginFolder.make(t);
  await folder.addRecorder('layer2', { cniVersion: '0.4.0', interfaces: [{ name: 'eth0', sandbox: '/ns' }] });
  const add = async (more: object) => {
    const network = { ...NETWORK, chain: [{ type: 'layer2' }], ...more };
    return (await callTool('weir', environment('ADD', { CNI_PATH: folder.path }), network, new ServicesDouble())).answer;
  };
  t.like(await add({}), { code: undefined, interfaces: [{ name: 'eth0' }], ips: undefined });
  for (const more of [{ args: MESOS }, { cniVersion: '0.2.0' }])
    t.like(await add(more), { code: 7, msg: 'the network "weir" gave the container no address' });
});

test('weir-route after another plugin of the list hands on what that one made, and CHECK leaves it to that one', async (t) => {
  const services = new ServicesDouble();
  const before = {
    cniVersion: '1.0.0',
    interfaces: [{ name: 'lo', sandbox: '/ns' }],
    ips: [{ address: '127.0.0.1/8', interface: 0 }],
    routes: [{ dst: '192.0.2.0/24' }],
  };
  const network = { ...NETWORK, type: 'weir-route', ipam: { type: 'weir-ipam' } };
  const { answer } = await callTool('weir-route', environment('ADD'), { ...network, prevResult: before }, services);
  t.deepEqual(
    answer.ips.map(({ address, interface: index }: { address: string; interface: number }) => [address, answer.interfaces[index].name]),
    [
      ['127.0.0.1/8', 'lo'],
      ['10.0.0.1/32', 'eth0'],
    ],
  );
  t.deepEqual(
    answer.routes.map(({ dst }: { dst: string }) => dst),
    ['192.0.2.0/24', '0.0.0.0/0'],
  );
  const check = async (prevResult: object) =>
    (await callTool('weir-route', environment('CHECK'), { ...network, prevResult }, services)).answer?.msg ?? 'sound';
  t.is(await check(answer), 'sound');
});

test('DEL runs in reverse, every step of it, and tells a foreign failure while there is a namespace', async (t) => {
  const folder = await PluginFolder.make(t);
  await folder.add('first', 'echo first >> $DIR/order');
  await folder.add(
    'failing',
    'echo failing >> $DIR/order; echo \'{"cniVersion":"1.0.0","code":123,"msg":"no way","details":"try harder"}\'; exit 1',
  );
  await folder.add('last', 'echo last >> $DIR/order');
  const network = { ...NETWORK, chain: [{ type: 'first' }, { type: 'failing' }, { type: 'last' }] };
  const env = environment('DEL', { CNI_PATH: folder.path });
  const order = () => readFile(join(folder.path, 'order'), 'utf8');

  const told = await callTool('weir', env, network, new ServicesDouble());
  t.like(told, { exitCode: 1, answer: { code: 123, msg: 'failing: no way', details: 'try harder' } });
  t.is(await order(), 'last\nfailing\nfirst\n');

  const rebooted = await callTool(
    'weir',
    environment('DEL', { CNI_PATH: folder.path, CNI_NETNS: undefined }),
    network,
    new ServicesDouble(),
  );
  t.like(rebooted, { exitCode: 0, stderr: 'weir: DEL left something to the agent: failing: no way\n' });
  t.is(await order(), 'last\nfailing\nfirst\n'.repeat(2));
});

test('when a step fails, the steps before it are undone in reverse, with what the last one returned', async (t) => {
  const folder = await PluginFolder.make(t);
  await folder.addRecorder('first', ROUTED);
  await folder.addRecorder('second', ROUTED);
  const services = new ServicesDouble();
  services.failing.set('enforce', codedError('ECONFLICT', 'contended'));
  const network = { ...NETWORK, chain: [{ type: 'first' }, { type: 'second' }, { type: 'weir-policy' }] };
  const { answer } = await callTool('weir', environment('ADD', { CNI_PATH: folder.path }), network, services);
  t.like(answer, { code: 11, msg: 'contended' });
  for (const name of ['first', 'second']) {
    const calls = await folder.calls(name);
    t.deepEqual(
      calls.map(({ command }) => command),
      ['ADD', 'DEL'],
    );
    t.is(calls[1]?.config.prevResult.ips[0].address, '10.9.0.1/24');
  }
  t.deepEqual(services.verbs, ['enforce', 'withdraw']);
});

test('DEL of a chain that names a plugin that is not there ends well: a typing error must not keep the container', async (t) => {
  const folder = await PluginFolder.make(t);
  const network = { ...NETWORK, chain: [{ type: 'brigde' }] };
  const env = (command: string) => environment(command, { CNI_PATH: folder.path });
  t.like(await callTool('weir', env('ADD'), network, new ServicesDouble()), { exitCode: 1, answer: { code: 5 } });
  const { exitCode, stderr } = await callTool('weir', env('DEL'), network, new ServicesDouble());
  t.is(exitCode, 0);
  t.regex(stderr, /there is no plugin "brigde"/);
});

test("a foreign plugin's failure keeps its code and words", async (t) => {
  const folder = await PluginFolder.make(t);
  await folder.add('proper', '[ $CNI_COMMAND = DEL ] || { echo \'{"code":101,"msg":"pool is dry","details":"dig"}\'; exit 1; }');
  await folder.add('rude', '[ $CNI_COMMAND = DEL ] || { echo oops; echo "last words" >&2; exit 2; }');
  await folder.add('silent', '[ $CNI_COMMAND = DEL ] || exit 7');
  await folder.add('empty', 'exit 0');
  const add = async (type: string) =>
    (await callTool('weir', environment('ADD', { CNI_PATH: folder.path }), { ...NETWORK, chain: [{ type }] }, new ServicesDouble())).answer;
  t.deepEqual(await add('proper'), { cniVersion: '1.0.0', code: 101, msg: 'proper: pool is dry', details: 'dig' });
  t.like(await add('rude'), { code: 104, msg: 'rude ended ADD with 2: last words: it answered "oops"' });
  t.like(await add('silent'), { code: 104, msg: 'silent ended ADD with 7' });
  t.like(await add('empty'), { code: 104, msg: 'empty ended ADD without a result on its standard output' });
  t.like(await add('absent'), { code: 5 });
});

test('a foreign plugin that answers ADD with no result is named; what it says of other commands that it ended well is nothing to us, as to libcni', async (t) => {
  const folder = await PluginFolder.make(t);
  const services = new ServicesDouble();
  const call = (command: string, more: object) =>
    callTool('weir', environment(command, { CNI_PATH: folder.path }), { ...NETWORK, cniVersion: '1.1.0', ...more }, services);
  await folder.add('wrong', '[ $CNI_COMMAND = DEL ] || echo \'{"ips":[{"address":"10.0.0.1"}]}\'');
  await folder.add('talker', '[ $CNI_COMMAND = ADD ] && echo oops || echo done');
  t.like((await call('ADD', { chain: [{ type: 'wrong' }] })).answer, {
    code: 6,
    msg: 'wrong: a result of version 1.1.0 is wrong at ips.0.address: "10.0.0.1" is no address with prefix length',
  });
  t.like((await call('ADD', { chain: [{ type: 'talker' }] })).answer, {
    code: 104,
    msg: 'talker answered ADD with something other than JSON: "oops\\n"',
    details: undefined,
  });
  const prevResult = { cniVersion: '1.1.0', ips: [] };
  for (const [command, more] of Object.entries({
    DEL: { prevResult },
    CHECK: { prevResult },
    STATUS: {},
    GC: { 'cni.dev/valid-attachments': [] },
  }))
    t.like(await call(command, { chain: [{ type: 'talker' }], ...more }), { exitCode: 0, answer: undefined }, command);
});

test('a foreign IPAM plugin under weir-route: its address, given back before DEL answers', async (t) => {
  const folder = await PluginFolder.make(t);
  await folder.addRecorder('their-ipam', {
    cniVersion: '1.0.0',
    ips: [{ address: '10.8.0.7/24', gateway: '10.8.0.1' }],
    dns: { nameservers: ['192.0.2.53'] },
  });
  const services = new ServicesDouble();
  const network = { ...NETWORK, chain: [{ type: 'weir-route', ipam: { type: 'their-ipam', range: 'x' } }, { type: 'weir-policy' }] };
  const { answer } = await callTool('weir', environment('ADD', { CNI_PATH: folder.path }), network, services);
  t.like(answer, { ips: [{ address: '10.8.0.7/32', gateway: '169.254.1.1', interface: 1 }], dns: { nameservers: ['192.0.2.53'] } });
  t.is((await callTool('weir', environment('DEL', { CNI_PATH: folder.path }), network, services)).exitCode, 0);
  t.true(services.isEmpty);
  const calls = await folder.calls('their-ipam');
  t.deepEqual(
    calls.map(({ command }) => command),
    ['ADD', 'DEL'],
  );
  t.deepEqual(calls[0]?.config.ipam, { type: 'their-ipam', range: 'x' });
});

test('the same ADD twice over a foreign IPAM plugin that refuses the second: the first stays', async (t) => {
  const folder = await PluginFolder.make(t);
  await folder.add(
    'once',
    '[ $CNI_COMMAND = ADD ] || { rmdir $DIR/taken; exit 0; }; mkdir $DIR/taken || exit 1; echo \'{"ips":[{"address":"10.8.0.7/24"}]}\'',
  );
  for (const chain of [
    [{ type: 'weir-route', ipam: { type: 'once' } }, { type: 'weir-policy' }],
    [{ type: 'weir-route', ipam: { type: 'once' } }],
  ]) {
    await rm(join(folder.path, 'taken'), { recursive: true, force: true });
    const services = new ServicesDouble();
    const add = () => callTool('weir', environment('ADD', { CNI_PATH: folder.path }), { ...NETWORK, chain }, services);
    t.is((await add()).exitCode, 0);
    const before = [...services.links.values(), ...services.endpoints.values()];
    t.is((await add()).answer.code, 100);
    t.deepEqual([...services.links.values(), ...services.endpoints.values()], before);
  }
});

test("a foreign plugin's code 100 is its own matter: what was made is undone", async (t) => {
  const folder = await PluginFolder.make(t);
  await folder.add('hundred', '[ $CNI_COMMAND = DEL ] || { echo \'{"code":100,"msg":"no"}\'; exit 1; }');
  const services = new ServicesDouble();
  const chain = [{ type: 'weir-route', ipam: { type: 'weir-ipam' } }, { type: 'weir-policy' }, { type: 'hundred' }];
  t.like(await callTool('weir', environment('ADD', { CNI_PATH: folder.path }), { ...NETWORK, chain }, services), {
    exitCode: 1,
    answer: { code: 100, msg: 'hundred: no' },
  });
  await services.settled();
  t.true(services.isEmpty);
});

test("on DEL and CHECK a foreign plugin gets the chain's whole result, from 0.4.0 on, though the runtime hands none back", async (t) => {
  for (const cniVersion of ['0.3.1', '0.4.0', '1.0.0']) {
    const folder = await PluginFolder.make(t);
    const more = { ...ROUTED, dns: { nameservers: ['192.0.2.53'] } };
    await folder.addRecorder('firewall', more);
    const services = new ServicesDouble();
    const chain = [{ type: 'weir-route', ipam: { type: 'weir-ipam' } }, { type: 'weir-policy' }, { type: 'firewall' }];
    const call = (command: string) =>
      callTool('weir', environment(command, { CNI_PATH: folder.path }), { ...NETWORK, cniVersion, chain }, services);
    t.is((await call('ADD')).exitCode, 0);
    if (cniVersion !== '0.3.1') {
      await call('CHECK');
      t.like((await folder.calls('firewall')).at(-1), { command: 'CHECK', config: { prevResult: { cniVersion, dns: more.dns } } });
    }
    t.is((await call('DEL')).exitCode, 0);
    const { command, config } = (await folder.calls('firewall')).at(-1)!;
    t.is(command, 'DEL');
    if (cniVersion === '0.3.1') t.is(config.prevResult, undefined);
    else t.like(config.prevResult, { cniVersion, interfaces: ROUTED.interfaces, dns: more.dns });
    await services.settled();
    t.true(services.isEmpty, 'the result is forgotten');
  }
});

test('a foreign plugin that was killed with the agent in its ADD gets on DEL what it got then; a DEL of its that fails can be tried again', async (t) => {
  const folder = await PluginFolder.make(t);
  await folder.addRecorder('firewall', ROUTED);
  const chain = [{ type: 'weir-route', ipam: { type: 'weir-ipam' } }, { type: 'firewall' }];
  const services = new ServicesDouble();
  const call = (command: string) => callTool('weir', environment(command, { CNI_PATH: folder.path }), { ...NETWORK, chain }, services);
  const kept: object[] = [];
  const { keep } = services.results;
  services.results.keep = (of, result) => {
    kept.push(result);
    keep(of, result);
  };
  await call('ADD');
  const { cniVersion: _, ...given } = (await folder.calls('firewall'))[0]!.config.prevResult;
  t.is(kept.length, 2);
  t.like(kept[0], { ips: given.ips, interfaces: given.interfaces.map(({ name }: { name: string }) => ({ name })) });
  await folder.add('firewall', 'exit 1');
  t.is((await call('DEL')).exitCode, 1);
  t.is(services.kept.size, 1);
  await folder.addRecorder('firewall', ROUTED);
  t.is((await call('DEL')).exitCode, 0);
  t.deepEqual((await folder.calls('firewall')).at(-1)?.config.prevResult.interfaces, ROUTED.interfaces);
  t.is(services.kept.size, 0);
});

test('an IPAM plugin that gives nothing is refused and asked to clean up', async (t) => {
  const folder = await PluginFolder.make(t);
  await folder.addRecorder('their-ipam', { cniVersion: '1.0.0', ips: [] });
  const network = { ...NETWORK, type: 'weir-route', ipam: { type: 'their-ipam' } };
  const { answer } = await callTool('weir-route', environment('ADD', { CNI_PATH: folder.path }), network, new ServicesDouble());
  t.like(answer, { code: 104, msg: 'their-ipam gave no address' });
  t.deepEqual(
    (await folder.calls('their-ipam')).map(({ command }) => command),
    ['ADD', 'DEL'],
  );
});

test('an IPAM plugin that fails is asked to clean up', async (t) => {
  const folder = await PluginFolder.make(t);
  await folder.add('their-ipam', 'echo $CNI_COMMAND >> $DIR/commands; [ $CNI_COMMAND = DEL ]');
  const network = { ...NETWORK, type: 'weir-route', ipam: { type: 'their-ipam' } };
  const services = new ServicesDouble();
  const { answer } = await callTool('weir-route', environment('ADD', { CNI_PATH: folder.path }), network, services);
  t.like(answer, { code: 104, msg: 'their-ipam ended ADD with 1' });
  t.is(await readFile(join(folder.path, 'commands'), 'utf8'), 'ADD\nDEL\n');
  t.true(services.isEmpty);
});

test('weir-policy says what it cannot guard', async (t) => {
  const services = new ServicesDouble();
  const add = async (prevResult: object | undefined) =>
    (await callTool('weir-policy', environment('ADD'), { ...NETWORK, type: 'weir-policy', prevResult }, services)).answer.msg;
  t.regex(await add(undefined), /no prevResult/);
  t.regex(await add({ interfaces: [{ name: 'veth1' }], ips: [] }), /no address of the container/);
  services.failing.set('findHostEnd', codedError('ENOTVETH', 'eth0 in /ns is of kind macvlan'));
  t.regex(await add({ ips: [{ address: '10.0.0.1/24' }] }), /eth0 in \/ns is of kind macvlan/);
});

test('weir-policy over a bridge: the port is looked for, whatever the result says or does not say', async (t) => {
  const services = new ServicesDouble();
  services.hostEnd = { hostInterface: 'veth7', bridge: 'cni0' };
  for (const prevResult of [
    { cniVersion: '0.2.0', ip4: { ip: '10.0.0.1/24' } },
    {
      cniVersion: '1.0.0',
      interfaces: [{ name: 'cni0' }, { name: 'veth7' }, { name: 'eth0', sandbox: '/ns', mac: '02:00:00:00:00:09' }],
      ips: [{ address: '10.0.0.1/24', interface: 2 }],
    },
  ]) {
    const { answer } = await callTool('weir-policy', environment('ADD'), { ...NETWORK, type: 'weir-policy', prevResult }, services);
    t.is(answer.code, undefined, JSON.stringify(answer));
    const [{ spec } = { spec: undefined }] = services.endpoints.values();
    t.like(spec, { hostInterface: 'veth7', bridge: 'cni0', addresses: ['10.0.0.1'] });
  }
});

test("a bridge with a name as Weir's links have it is not taken for one, and refused: the table drops what is not known of such a name", async (t) => {
  const services = new ServicesDouble();
  services.hostEnd = { hostInterface: 'veth7', bridge: 'weir0' };
  const prevResult = {
    cniVersion: '1.0.0',
    interfaces: [{ name: 'weir0' }, { name: 'veth7' }, { name: 'eth0', sandbox: '/ns' }],
    ips: [{ address: '10.0.0.1/24', interface: 2 }],
  };
  const { answer } = await callTool('weir-policy', environment('ADD'), { ...NETWORK, type: 'weir-policy', prevResult }, services);
  t.like(answer, { code: 7, msg: `weir-policy: names that begin with "weir" are those of Weir's links, and weir0 is none` });
  t.is(services.endpoints.size, 0);
});

test("the network's labels and namespace hold where the task says nothing", async (t) => {
  const services = new ServicesDouble();
  const chain = [
    { type: 'weir-route', ipam: { type: 'weir-ipam' } },
    { type: 'weir-policy', labels: { zone: 'a', run: 'network' }, namespace: 'shop', defaultAction: 'Deny' },
  ];
  const args = { 'org.apache.mesos': { network_info: { labels: { labels: [{ key: 'run', value: 'task' }] } } } };
  await callTool('weir', environment('ADD'), { ...NETWORK, chain, args }, services);
  const [endpoint] = services.endpoints.values();
  t.like(endpoint?.metadata, { namespace: 'shop', labels: { zone: 'a', run: 'task' } });
  t.is(endpoint?.spec.defaultAction, 'Deny');
});
