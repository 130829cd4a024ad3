/** GC and STATUS of the tools, alone and in a chain. */
import test from 'ava';
import { callTool, environment, NAMESPACE_FILE, NETWORK } from './testing/cni-call.ts';
import { PluginFolder } from './testing/plugin-folder.ts';
import { codedError, ServicesDouble } from './testing/services-double.ts';

const LATEST = { ...NETWORK, cniVersion: '1.1.0' };
const IDS = ['one', 'two', 'three'];

function gcOf(valid: string[], more: object = {}): object {
  return { ...LATEST, 'cni.dev/valid-attachments': valid.map((containerID) => ({ containerID, ifname: 'eth0' })), ...more };
}

/** A chain's neighbour needs what is not one of the container's variables alone. */
function hostEnvironment(command: string, folder = '/nowhere'): Record<string, string> {
  return { CNI_COMMAND: command, CNI_PATH: folder, PATH: process.env.PATH! };
}

async function withThree(network: object = LATEST, folder?: string): Promise<ServicesDouble> {
  const services = new ServicesDouble();
  const { attach } = services.wiring;
  services.wiring.attach = (request) => attach({ ...request, namespace: request.hostInterface });
  for (const CNI_CONTAINERID of IDS) {
    const env = environment('ADD', { CNI_CONTAINERID, CNI_NETNS: NAMESPACE_FILE, ...(folder && { CNI_PATH: folder }) });
    const { exitCode, answer } = await callTool('weir', env, network, services);
    if (exitCode !== 0) throw new Error(JSON.stringify(answer));
  }
  return services;
}

test('GC removes what is not valid, address, link and endpoint, and nothing else', async (t) => {
  const services = await withThree();
  t.deepEqual(await callTool('weir', hostEnvironment('GC'), gcOf(['two']), services), { exitCode: 0, stderr: '', answer: undefined });
  t.deepEqual(
    [...services.endpoints.values()].map(({ spec }) => spec.containerId),
    ['two'],
  );
  t.deepEqual(
    [...services.held.values()].map(({ containerId }) => containerId),
    ['two'],
  );
  t.is(services.links.size, 1);
});

test("another network's attachments, and those of a network with disableGC, stay", async (t) => {
  const services = await withThree();
  for (const network of [gcOf([], { name: 'other' }), gcOf([], { disableGC: true })])
    t.is((await callTool('weir', hostEnvironment('GC'), network, services)).exitCode, 0);
  t.is(services.endpoints.size, 3);
});

test('each tool alone removes its own part', async (t) => {
  const services = await withThree();
  const gc = (tool: string, config: object = gcOf([])) => callTool(tool, hostEnvironment('GC'), config, services);
  t.is((await gc('weir-policy')).exitCode, 0);
  t.deepEqual([services.endpoints.size, services.links.size, services.held.size], [0, 3, 3]);
  t.is((await gc('weir-route', gcOf([], { ipam: { type: 'weir-ipam' } }))).exitCode, 0);
  t.deepEqual([services.links.size, services.held.size], [0, 0]);
  const again = await withThree();
  t.is((await callTool('weir-ipam', hostEnvironment('GC'), gcOf(['one']), again)).exitCode, 0);
  t.deepEqual([again.links.size, again.held.size], [3, 1]);
});

test('what cannot be removed is told', async (t) => {
  const services = await withThree();
  services.failing.set('detach', codedError('EBUSY', 'delete link: busy', { operation: 'delete link' }));
  const { exitCode, answer } = await callTool('weir', hostEnvironment('GC'), gcOf([]), services);
  t.like({ exitCode, ...answer }, { exitCode: 1, code: 103, msg: 'delete link: busy' });
});

test('foreign steps get DEL for what is stale and then GC with the list; a step of an older version gets no GC', async (t) => {
  const folder = await PluginFolder.make(t);
  for (const name of ['new', 'old']) await folder.addRecorder(name, { cniVersion: '1.0.0', ips: [] });
  const chain = [
    { type: 'weir-route', ipam: { type: 'weir-ipam' } },
    { type: 'weir-policy' },
    { type: 'new', key: 'kept' },
    { type: 'old', cniVersion: '1.0.0' },
  ];
  for (const name of ['new', 'old']) await folder.add(name, passingOn(name));
  const services = await withThree({ ...LATEST, chain }, folder.path);
  const config = gcOf(['one', 'three'], { chain });
  const done = await callTool('weir', hostEnvironment('GC', folder.path), config, services);
  t.is(done.exitCode, 0, JSON.stringify(done.answer));
  const commands = async (name: string) => (await folder.calls(name)).map(({ command }) => command);
  t.deepEqual(await commands('new'), ['ADD', 'ADD', 'ADD', 'DEL', 'GC']);
  t.deepEqual(await commands('old'), ['ADD', 'ADD', 'ADD', 'DEL']);
  const [del, gc] = (await folder.calls('new')).slice(3);
  t.false('cni.dev/valid-attachments' in del!.config);
  t.deepEqual(gc?.config, {
    type: 'new',
    key: 'kept',
    name: 'weir',
    cniVersion: '1.1.0',
    'cni.dev/valid-attachments': [
      { containerID: 'one', ifname: 'eth0' },
      { containerID: 'three', ifname: 'eth0' },
    ],
  });
});

test('a foreign step that fails GC: the rest is collected, and its words are told', async (t) => {
  const folder = await PluginFolder.make(t);
  await folder.add('bad', `${passingOn('bad')}\n[ $CNI_COMMAND != GC ] || { echo '{"code":17,"msg":"no broom"}'; exit 1; }`);
  const chain = [{ type: 'weir-route', ipam: { type: 'weir-ipam' } }, { type: 'weir-policy' }, { type: 'bad' }];
  const services = await withThree({ ...LATEST, chain }, folder.path);
  const { answer } = await callTool('weir', hostEnvironment('GC', folder.path), gcOf([], { chain }), services);
  t.like(answer, { code: 17, msg: 'bad: no broom' });
  t.true(services.isEmpty);
});

test('STATUS: ready; not available; not available with effect on containers', async (t) => {
  for (const tool of ['weir', 'weir-route', 'weir-policy', 'weir-ipam']) {
    const services = new ServicesDouble();
    const status = () => callTool(tool, hostEnvironment('STATUS'), { ...LATEST, ipam: { type: 'weir-ipam' } }, services);
    t.deepEqual(await status(), { exitCode: 0, stderr: '', answer: undefined }, tool);
    services.outageNow = { message: 'the store cannot be reached', hurtsContainers: false };
    t.like((await status()).answer, { code: 50, msg: 'the store cannot be reached' }, tool);
    services.outageNow = { message: 'policy could not be brought in force', hurtsContainers: true };
    t.like((await status()).answer, { code: 51, msg: 'policy could not be brought in force' }, tool);
  }
});

test('STATUS tells of everything that is missing, here and in the steps', async (t) => {
  const folder = await PluginFolder.make(t);
  await folder.add('limited', `[ $CNI_COMMAND != STATUS ] || { echo '{"code":51,"msg":"half of it"}'; exit 1; }`);
  const services = new ServicesDouble();
  services.failing.set('probe', codedError('EEXHAUSTED', 'pool tasks is full'));
  const chain = [{ type: 'weir-route', ipam: { type: 'weir-ipam' } }, { type: 'limited' }];
  const status = (network: object) => callTool('weir', hostEnvironment('STATUS', folder.path), network, services);
  t.like((await status(LATEST)).answer, { code: 50, msg: 'pool tasks is full' });
  t.like((await status({ ...LATEST, chain })).answer, { code: 51, msg: 'pool tasks is full; limited: half of it' });
  t.like((await status({ ...LATEST, chain: [{ type: 'absent' }] })).answer, { code: 5 });
  t.like((await status({ ...LATEST, chain: 'x' })).answer, { code: 7 });
  services.failing.clear();
  t.is((await status({ ...LATEST, chain: [{ type: 'limited', cniVersion: '1.0.0' }] })).exitCode, 0);
});

/** A plugin that records its call and answers ADD with the result that it was given. */
function passingOn(name: string): string {
  return [
    'CONFIG=$(cat)',
    `printf '{"command":"%s","config":%s}\\n' "$CNI_COMMAND" "$CONFIG" >> $DIR/${name}.calls`,
    `[ $CNI_COMMAND != ADD ] || printf '%s' "$CONFIG" | sed 's/.*"prevResult"://; s/}$//'`,
  ].join('\n');
}
