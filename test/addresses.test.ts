/** Addresses that tasks ask for, claim and borrow, over two hosts and with real packets. */
import test, { type ExecutionContext } from 'ava';
import { eventually } from './testbed/eventually.ts';
import { Testbed, type Workload } from './testbed/testbed.ts';

const MANIFESTS = `
{ apiVersion: weir/v1, kind: IpamConfig, metadata: { name: default }, spec: { cooldownSeconds: 0 } }
---
{ apiVersion: weir/v1, kind: Pool, metadata: { name: main }, spec: { cidr: 10.64.0.0/28, blockSize: 29 } }
---
{ apiVersion: weir/v1, kind: Pool, metadata: { name: front }, spec: { cidr: 10.65.0.0/28, blockSize: 29, selector: "tier == 'front'" } }
---
{ apiVersion: weir/v1, kind: Pool, metadata: { name: six }, spec: { cidr: 'fd00:64::/120', blockSize: 124 } }
---
{ apiVersion: weir/v1, kind: Reservation, metadata: { name: machines }, spec: { addresses: [10.64.0.0-10.64.0.1] } }
---
{ apiVersion: weir/v1, kind: Claim, metadata: { name: web, namespace: shop } }
`;

const testbed = Testbed.share(test, { hosts: 2, manifests: MANIFESTS });

async function talk(t: ExecutionContext, from: Workload, to: Workload): Promise<void> {
  for (const address of [to.ipv4, to.ipv6]) {
    const reached = () => from.traffic.tcp({ address, port: 80 });
    t.true(await eventually(reached, (answered) => answered), `${from.name} reaches ${to.name} at ${address}`);
  }
}

/** Ends tasks, and waits until their addresses are free: that is when their links are gone, a little after DEL's answer. */
async function gone(...workloads: Workload[]): Promise<void> {
  for (const workload of workloads) await testbed().destroy(workload);
  const ended = workloads.map(({ containerId }) => containerId);
  await eventually(holders, (containers) => !containers.some((container) => ended.includes(container)));
}

/** Containers that hold addresses. */
async function holders(): Promise<string[]> {
  const { objects } = await testbed().objects.list('Block');
  return objects.flatMap(({ object }) => Object.values(object.spec.allocations).flatMap(({ containerId }) => containerId ?? []));
}

test.serial('an address in a block of the other host: every host knows the way', async (t) => {
  t.timeout(60_000);
  const [one, two] = testbed().hosts as [Workload['host'], Workload['host']];
  const first = await testbed().launch(one, { run: 'first' });
  const block = (await testbed().objects.list('Block')).objects.find(({ object }) => object.spec.pool === 'main')!.object;
  t.is(block.spec.host, one.name);
  const lent = await testbed().launch(two, { run: 'lent', 'weir/ip': '10.64.0.6' });
  t.is(lent.ipv4, '10.64.0.6', 'an IPv6 address comes with it');
  t.not(lent.ipv6, '');
  await talk(t, first, lent);
  await talk(t, lent, first);
  const error = await t.throwsAsync(testbed().launch(one, { run: 'second', 'weir/ip': '10.64.0.6' }));
  t.regex(error.message, /108.*asks for 10\.64\.0\.6, which eth0 of container \S+ on host host-2 has/);
  await gone(lent);
  // It comes back to the host of its block, where the way to the other host may still be known.
  const back = await testbed().launch(one, { run: 'back', 'weir/ip': '10.64.0.6' });
  await talk(t, first, back);
  await gone(first, back);
});

test.serial('an address that cannot be given: the answer says why, and nothing is held', async (t) => {
  t.timeout(60_000);
  const host = testbed().hosts[0]!;
  const before = (await holders()).length;
  for (const [labels, why] of [
    [{ 'weir/ip': '10.99.0.1' }, /asks for 10\.99\.0\.1, which is in no pool; the pools are: .*main.*10\.64\.0\.0\/28/],
    [{ 'weir/ip': '10.64.0.1' }, /asks for 10\.64\.0\.1, which reservation \S*machines\S* keeps from containers/],
    [{ 'weir/ip': '10.65.0.3' }, /asks for 10\.65\.0\.3, of pool \S*front\S*, which is for endpoints with other labels/],
    [{ 'weir/ip': 'fd00:64::7', 'weir/pool': 'main' }, /asks for fd00:64::7, of pool \S*six\S*: the network takes addresses of main alone/],
    [{ 'weir/ip': '10.64.0.3,10.99.0.1' }, /asks for 10\.99\.0\.1, which is in no pool/],
  ] as const) {
    const error = await t.throwsAsync(testbed().launch(host, { run: 'refused', ...labels }));
    t.regex(error.message, /108/);
    t.regex(error.message, why);
  }
  t.is((await holders()).length, before);
});

test.serial('a pool is used to its last address, over both hosts; what is reserved and what is for others is not', async (t) => {
  t.timeout(60_000);
  const hosts = testbed().hosts;
  const workloads: Workload[] = [];
  for (let index = 0; index < 14; index++) workloads.push(await testbed().launch(hosts[index < 2 ? index : 0]!, { run: `task-${index}` }));
  t.deepEqual(
    workloads.map(({ ipv4 }) => Number(ipv4.split('.')[3])).sort((a, b) => a - b),
    [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  );
  await talk(t, workloads[1]!, workloads.at(-1)!);
  const full = await t.throwsAsync(testbed().launch(hosts[0]!, { run: 'too-many' }));
  t.regex(
    full.message,
    /101.*pool \\?"front\\?" \(10\.65\.0\.0\/28\) is for endpoints with other labels.*is full: 14 of 16 used, 2 reserved/,
  );
  const front = await testbed().launch(hosts[0]!, { tier: 'front', 'weir/pool': 'front,six' });
  t.regex(front.ipv4, /^10\.65\.0\./);
  await talk(t, front, workloads[0]!);
  await gone(front, ...workloads);
});

test.serial('a claim keeps its addresses, and takes them to another host', async (t) => {
  t.timeout(60_000);
  const [one, two] = testbed().hosts as [Workload['host'], Workload['host']];
  const labels = { 'weir/namespace': 'shop', 'weir/claim': 'web' };
  const before = await testbed().launch(one, labels);
  t.regex(
    (await t.throwsAsync(testbed().launch(two, labels))).message,
    /108.*which the claim shop\/web with eth0 of container \S+ on host host-1 has/,
  );
  // Its address is free a little later, and the ADD waits for it.
  await testbed().destroy(before);
  const after = await testbed().launch(two, labels);
  const other = await testbed().launch(one, { run: 'other' });
  t.deepEqual([after.ipv4, after.ipv6], [before.ipv4, before.ipv6]);
  await talk(t, other, after);
  await gone(other, after);
  t.regex(await testbed().mustWeir(['get', 'claims', '-n', 'shop']), new RegExp(`${before.ipv4},${before.ipv6}`));
  await testbed().mustWeir(['delete', 'claim', 'web', '-n', 'shop']);
  const missing = await t.throwsAsync(testbed().launch(one, labels));
  t.regex(missing.message, /108.*asks for the claim shop\/web, which there is not/);
});
