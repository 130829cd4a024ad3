import { spawn, spawnSync } from 'node:child_process';
import { inNamespace, Netlink } from '@weir/kernel';
import test from 'ava';
import { LabFolder } from './lab-folder.ts';
import { findLeftovers, readMachineState, takeInventory } from './leftovers.ts';
import { hostAddresses, makeHostNetwork, makeSwitch } from './switch-network.ts';

test('hosts reach each other and the switch, by IPv4 and IPv6; the machine has no link of theirs', async (t) => {
  const machine = readMachineState();
  const folder = LabFolder.create(`test-${process.pid}-${Math.random().toString(36).slice(2, 8)}`);
  t.teardown(() => folder.remove());
  const switchNamespace = folder.namespacePath('switch');
  makeSwitch(switchNamespace);
  for (const index of [1, 2])
    makeHostNetwork({ namespace: folder.namespacePath(`host-${index}`), switchNamespace, name: `host-${index}`, index });
  const ping = (address: string) =>
    inNamespace(folder.namespacePath('host-1'), () => spawnSync('ping', ['-n', '-q', '-c1', '-W2', address])).status;
  for (const address of [hostAddresses(2).ipv4, hostAddresses(2).ipv6, '192.0.2.1', '2001:db8::1']) t.is(ping(address), 0, address);
  t.not(ping('192.0.2.77'), 0);

  const inventory = takeInventory(folder);
  t.is(inventory.namespaces.size, 3);
  t.true(
    findLeftovers(machine, inventory).some((line) => line.includes(folder.path)),
    'a lab that is up is seen',
  );
  await folder.remove();
  t.deepEqual(findLeftovers(machine, inventory), []);
});

test('what is new on the machine is found', (t) => {
  const machine = readMachineState();
  const name = `weirtest${process.pid % 1e5}`;
  const folder = LabFolder.create(`test-${process.pid}-${Math.random().toString(36).slice(2, 8)}`);
  t.teardown(() => folder.remove());
  makeSwitch(folder.namespacePath('switch'));
  const seen = inNamespace(folder.namespacePath('switch'), () => {
    using netlink = Netlink.open();
    netlink.addBridge({ name });
    return findLeftovers(machine, { path: '/nowhere', processes: [], namespaces: new Set() });
  });
  t.true(seen.includes(`new on the machine: link ${name}`));
});

test('a namespace of another lab that got the number of one of this is not this one', async (t) => {
  const machine = readMachineState();
  const folder = LabFolder.create(`test-${process.pid}-${Math.random().toString(36).slice(2, 8)}`);
  t.teardown(() => folder.remove());
  makeSwitch(folder.namespacePath('switch'));
  const sleeper = inNamespace(folder.namespacePath('switch'), () => spawn('sleep', ['60'], { stdio: 'ignore' }));
  t.teardown(() => sleeper.kill());
  const { namespaces } = takeInventory(folder);
  t.true(findLeftovers(machine, { path: folder.path, processes: [], namespaces }).some((line) => line.includes('is in a namespace')));
  t.deepEqual(findLeftovers(machine, { path: '/nowhere', processes: [], namespaces }), []);
});
