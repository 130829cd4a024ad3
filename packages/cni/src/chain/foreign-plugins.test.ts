/** Debian's own plugins (package containernetworking-plugins) as neighbours, with real interfaces in namespaces that the test makes. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { inNamespace } from '@weir/kernel';
import { findHostEnd } from '@weir/routing';
import test, { type ExecutionContext } from 'ava';
import { callTool, environment, NETWORK } from '../testing/cni-call.ts';
import { PluginFolder } from '../testing/plugin-folder.ts';
import { ServicesDouble } from '../testing/services-double.ts';

const DEBIAN = '/usr/lib/cni';
const runnable = process.getuid?.() === 0 && existsSync(`${DEBIAN}/ptp`) && existsSync(`${DEBIAN}/host-local`);
const real = runnable ? test.serial : test.serial.skip;

function makeNamespace(t: ExecutionContext, role: string): string {
  const name = `weir-cni-${role}-${process.pid}-${randomBytes(3).toString('hex')}`;
  execFileSync('ip', ['netns', 'add', name]);
  t.teardown(() => execFileSync('ip', ['netns', 'delete', name]));
  execFileSync('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  return `/run/netns/${name}`;
}

/** A plugin folder whose `ptp` works in the namespace that stands for the host. */
async function pluginsOn(t: ExecutionContext, host: string): Promise<PluginFolder> {
  const folder = await PluginFolder.make(t);
  for (const name of ['ptp', 'host-local']) await folder.add(name, `exec nsenter --net=${host} ${DEBIAN}/${name}`);
  return folder;
}

real('ptp and host-local under weir-policy: ADD, CHECK, DEL', async (t) => {
  const [host, container] = [makeNamespace(t, 'host'), makeNamespace(t, 'task')];
  const folder = await pluginsOn(t, host);
  const ipam = { type: 'host-local', subnet: '10.77.0.0/24', dataDir: `${folder.path}/data`, routes: [{ dst: '0.0.0.0/0' }] };
  const network = { ...NETWORK, chain: [{ type: 'ptp', ipam }, { type: 'weir-policy' }] };
  const env = (command: string) => environment(command, { CNI_NETNS: container, CNI_PATH: folder.path });
  const services = new ServicesDouble();
  services.wiring.findHostEnd = (where) => inNamespace(host, () => findHostEnd(where));

  const added = await callTool('weir', env('ADD'), network, services);
  t.is(added.exitCode, 0, JSON.stringify(added));
  t.regex(added.answer.ips[0].address, /^10\.77\.0\.\d+\/24$/);
  const inContainer = execFileSync('nsenter', [`--net=${container}`, 'ip', '-j', 'address', 'show', 'eth0'], { encoding: 'utf8' });
  t.is(`${JSON.parse(inContainer)[0].addr_info[0].local}/24`, added.answer.ips[0].address);
  const [endpoint] = services.endpoints.values();
  const onHost = execFileSync('nsenter', [`--net=${host}`, 'ip', '-j', 'link', 'show', endpoint!.spec.hostInterface], { encoding: 'utf8' });
  t.is(JSON.parse(onHost)[0].ifname, endpoint?.spec.hostInterface);

  const checked = await callTool('weir', env('CHECK'), { ...network, prevResult: added.answer }, services);
  t.is(checked.exitCode, 0, JSON.stringify(checked));
  const removed = await callTool('weir', env('DEL'), network, services);
  t.is(removed.exitCode, 0, JSON.stringify(removed));
  t.true(services.isEmpty);
  const left = execFileSync('nsenter', [`--net=${host}`, 'ip', '-o', 'link'], { encoding: 'utf8' });
  t.is(left.trim().split('\n').length, 1, left);
});

real('host-local under weir-route keeps one file an address, and gives it back', async (t) => {
  const folder = await PluginFolder.make(t);
  const ipam = { type: 'host-local', subnet: '10.77.1.0/24', dataDir: `${folder.path}/data` };
  const network = { ...NETWORK, chain: [{ type: 'weir-route', ipam }, { type: 'weir-policy' }] };
  const services = new ServicesDouble();
  const added = await callTool('weir', environment('ADD', { CNI_PATH: DEBIAN }), network, services);
  t.is(added.exitCode, 0, JSON.stringify(added));
  const address = added.answer.ips[0].address.replace('/32', '');
  t.true(existsSync(`${folder.path}/data/weir/${address}`));
  t.is((await callTool('weir', environment('DEL', { CNI_PATH: DEBIAN }), network, services)).exitCode, 0);
  t.false(existsSync(`${folder.path}/data/weir/${address}`));
  t.true(services.isEmpty);
});

if (!runnable) test(`Debian's plugins are not tried here: that takes root and ${DEBIAN}/ptp`, (t) => t.pass());
