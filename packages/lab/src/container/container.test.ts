import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createNamespace, deleteNamespace } from '@weir/kernel';
import test, { type ExecutionContext } from 'ava';
import { LabFolder } from '../lab-folder.ts';
import { isRunning } from '../lab-process.ts';
import { startProbe } from './container-probe.ts';
import { Containerizer } from './containerizer.ts';

const PLUGIN = `#!/bin/sh
[ "$CNI_COMMAND" = ADD ] && echo '{"ip4": {"ip": "10.0.0.1/32"}}'
exit 0
`;

async function setUp(t: ExecutionContext): Promise<{ containerizer: Containerizer; folder: LabFolder }> {
  const folder = LabFolder.create(`test-${process.pid}-${Math.random().toString(36).slice(2, 8)}`);
  t.teardown(() => folder.remove());
  for (const name of ['config', 'plugins']) mkdirSync(join(folder.path, name));
  writeFileSync(join(folder.path, 'plugins/fake'), PLUGIN, { mode: 0o755 });
  writeFileSync(join(folder.path, 'config/fake'), '{"name": "fake", "type": "fake"}');
  createNamespace(folder.namespacePath('host'));
  const containerizer = new Containerizer({
    namespace: folder.namespacePath('host'),
    configDir: join(folder.path, 'config'),
    pluginsDir: join(folder.path, 'plugins'),
    runtimeDir: join(folder.path, 'mesos'),
    sandboxDir: join(folder.path, 'sandboxes'),
    folder,
    namespaces: { create: createNamespace, remove: deleteNamespace },
  });
  return { containerizer, folder };
}

test('a task runs in its sandbox, with its own hostname, hosts file and loopback, as process 1', async (t) => {
  const { containerizer, folder } = await setUp(t);
  const container = await containerizer.launch({
    containerId: 'c1',
    hostname: 'web',
    networkInfos: [{ name: 'fake' }],
    env: { GREETING: 'hello' },
    command:
      'echo $GREETING $$ $(pwd) $(hostname) $(cat /etc/hostname) $(cat /sys/class/net/lo/operstate); tail -1 /etc/hosts; exec sleep 1000',
  });
  const probe = startProbe(container);
  t.true(await probe.ping('127.0.0.1'), 'lo is up');
  await probe.close();
  const stdout = () => readFileSync(join(container.sandbox, 'stdout'), 'utf8');
  // The task has begun, and not yet said all that it has to say.
  while (!stdout().endsWith(' web\n')) await delay(10);
  t.is(stdout(), `hello 1 ${container.sandbox} web web unknown\n10.0.0.1 web\n`);
  t.not(readFileSync('/etc/hosts', 'utf8').includes('10.0.0.1 web'), true, "the machine's own files are untouched");
  await containerizer.destroy('c1');
  t.not((await container.exit).code, 0);
  t.false(existsSync(container.namespace));
  t.deepEqual(folder.runningProcesses(), []);
});

test('a task that ends takes its children with it', async (t) => {
  const { containerizer } = await setUp(t);
  const container = await containerizer.launch({ containerId: 'c1', networkInfos: [{ name: 'fake' }], command: 'sleep 1000 & exit 3' });
  t.is((await container.exit).code, 3);
  await containerizer.destroy('c1');
});

test('a lab is removed by its folder alone: processes, namespaces, files', async (t) => {
  const { containerizer, folder } = await setUp(t);
  await containerizer.launch({ containerId: 'c1', networkInfos: [{ name: 'fake' }], command: 'sleep 1000 & sleep 1000' });
  const processes = folder.runningProcesses();
  t.is(processes.length, 2);
  t.is(folder.namespaces().length, 2);
  await LabFolder.open(folder.name).remove();
  t.false(processes.some(isRunning));
  t.false(existsSync(folder.path));
  t.false(readFileSync('/proc/self/mountinfo', 'utf8').includes(folder.path));
});
