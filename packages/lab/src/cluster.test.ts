import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { MarathonClient } from '@weir/mesos';
import test, { type ExecutionContext } from 'ava';
import { LabFolder } from './lab-folder.ts';
import { findLeftovers, type LabInventory, readMachineState, takeInventory } from './leftovers.ts';

const PROGRAM = new URL('./testing/boot-and-wait.ts', import.meta.url).pathname;

/** A lab with a running container, owned by a process of its own. */
async function startLab(t: ExecutionContext): Promise<{ owner: ChildProcess; folder: LabFolder; inventory: LabInventory }> {
  const folder = LabFolder.open(`test-${process.pid}-${Math.random().toString(36).slice(2, 8)}`);
  t.teardown(() => folder.remove());
  const owner = spawn(process.execPath, [PROGRAM, folder.name], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => owner.kill('SIGKILL'));
  const [url] = (await once(createInterface({ input: owner.stdout }), 'line')) as [string];
  const marathon = new MarathonClient({ url });
  await marathon.createApp({ id: '/a', cmd: 'sleep 1000', networks: [{ mode: 'container', name: 'fake' }] });
  while ((await marathon.getApp('/a')).tasksRunning === 0);
  const inventory = takeInventory(folder);
  t.is(inventory.namespaces.size, 3, 'switch, host and container');
  t.is(inventory.processes.length, 4, 'agent, Marathon, and the two of the container');
  return { owner, folder, inventory };
}

test.serial('a lab whose owner was killed is removed by its folder', async (t) => {
  const machine = readMachineState();
  const { owner, folder, inventory } = await startLab(t);
  owner.kill('SIGKILL');
  await once(owner, 'exit');
  t.true(existsSync(folder.path));
  t.is(folder.runningProcesses().length, 4, 'all goes on without it');
  await folder.remove();
  t.deepEqual(findLeftovers(machine, inventory), []);
});

test.serial('a lab whose owner is interrupted is removed by it', async (t) => {
  const machine = readMachineState();
  const { owner, inventory } = await startLab(t);
  owner.kill('SIGTERM');
  const [code] = (await once(owner, 'exit')) as [number];
  t.is(code, 143);
  t.deepEqual(findLeftovers(machine, inventory), []);
});

test.serial('a lab that is up is not booted again', async (t) => {
  const folder = LabFolder.create(`test-${process.pid}-twice`);
  t.teardown(() => folder.remove());
  t.throws(() => LabFolder.create(folder.name), { code: 'EHOST', message: /is up already.*make clean-lab/ });
});
