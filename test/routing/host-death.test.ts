/** A host dies, with all that is on it, and comes back; and one comes with the address of another. In each mode of the pools. */
import { readFileSync, writeFileSync } from 'node:fs';
import { inNamespace, Netlink } from '@weir/kernel';
import { type LabHost, TWO_RACKS } from '@weir/lab';
import { cidrContains } from '@weir/resources';
import { BIRD_PROTOCOL } from '@weir/routing';
import test from 'ava';
import { eventually } from '../testbed/eventually.ts';
import { BLOCK_MODES, type Family, MODES, poolsOf } from '../testbed/routing-matrix.ts';
import { Testbed, type Workload } from '../testbed/testbed.ts';

const FAMILIES: Family[] = ['ipv4', 'ipv6'];
const PORT = 80;
/** Of the agents, in seconds. */
const TIMES = { presenceTtl: 2, hostDeadAfter: 1 };
/** Beyond these: the store's own second for leases, and the machine may be busy. */
const LATE_MS = 4000;

const bed = Testbed.share(test, { topology: TWO_RACKS, manifests: poolsOf(FAMILIES, MODES.native!.spec), agent: TIMES });

let near: Workload;
let mortal: Workload;
const launched: Workload[] = [];

async function launch(host: LabHost): Promise<Workload> {
  const task = await bed().launch(host, { app: host.name }, { name: `${host.name}-${launched.length}` });
  launched.push(task);
  return task;
}

test.serial.before(async (t) => {
  t.timeout(60_000);
  [near, mortal] = await Promise.all([launch(bed().hosts[0]!), launch(bed().hosts[1]!)]);
});

const reachesSoon = (from: Workload, to: Workload, family: Family): Promise<boolean> =>
  eventually(
    () => from.traffic.tcp({ address: to[family], port: PORT }),
    (came) => came,
  );

/** What the host does with packets for its blocks of others. */
function unreachableOn(host: LabHost): string[] {
  return inNamespace(host.namespace, () => {
    using netlink = Netlink.open();
    return netlink.routes({ protocol: 121, type: 'unreachable' }).map(({ destination }) => destination);
  });
}

for (const mode of BLOCK_MODES) {
  test.serial(`${mode}: withdrawn within the configured time, senders are told, and back without an address twice`, async (t) => {
    const [one, two, three] = bed().hosts as [LabHost, LabHost, LabHost];
    await bed().apply(poolsOf(FAMILIES, MODES[mode]!.spec));
    for (const family of FAMILIES) t.true(await reachesSoon(near, mortal, family), `before, ${family}`);
    t.deepEqual(unreachableOn(one), []);

    using fabric = Netlink.open({ namespace: bed().cluster.folder.namespacePath('switch') });
    fabric.setLink(two.name, { up: false });
    await two.stopAgent('SIGKILL');
    const died = performance.now();
    for (const host of [one, three]) {
      const withdrawn = await eventually(
        () => unreachableOn(host),
        (seen) => seen.length >= FAMILIES.length,
      );
      t.true(withdrawn.length >= FAMILIES.length, host.name);
    }
    const took = performance.now() - died;
    t.true(took < 1000 * (TIMES.presenceTtl + TIMES.hostDeadAfter) + LATE_MS, `${took} ms`);
    const asked = performance.now();
    for (const family of FAMILIES) t.false(await near.traffic.tcp({ address: mortal[family], port: PORT, timeoutMs: 8000 }));
    t.true(performance.now() - asked < 8000, 'who sends there does not wait');

    // What the dead host holds is given to nobody.
    await Promise.all([launch(one), launch(three)]);
    fabric.setLink(two.name, { up: true });
    await two.startAgent();
    for (const family of FAMILIES) t.true(await reachesSoon(near, mortal, family), `after, ${family}`);
    t.deepEqual(unreachableOn(one), []);
    await Promise.all([launch(two), launch(one)]);
    for (const family of FAMILIES) {
      const addresses = launched.map((task) => task[family]);
      t.is(new Set(addresses).size, addresses.length, family);
    }
  });
}

test.serial('BGP: withdrawn when the hold time is over, and back', async (t) => {
  const [one, two, three] = bed().hosts as [LabHost, LabHost, LabHost];
  const holdSeconds = 3;
  const config = `{ apiVersion: weir/v1, kind: BgpConfig, metadata: { name: default }, spec: { holdSeconds: ${holdSeconds} } }\n`;
  await bed().apply(`${config}---\n${poolsOf(FAMILIES, MODES.BGP!.spec)}`);
  const leadsToMortal = (host: LabHost): Family[] => {
    const learnt = inNamespace(host.namespace, () => {
      using netlink = Netlink.open();
      return netlink.routes({ protocol: BIRD_PROTOCOL }).map(({ destination }) => destination);
    });
    return FAMILIES.filter((family) => learnt.some((block) => cidrContains(block, mortal[family])));
  };
  // After an error BIRD waits for up to ten seconds before it tries again.
  const all = (host: LabHost, wanted: number) =>
    eventually(
      () => leadsToMortal(host),
      (families) => families.length === wanted,
      { limitMs: 30_000 },
    );
  for (const host of [one, three]) t.deepEqual(await all(host, FAMILIES.length), FAMILIES, host.name);
  for (const family of FAMILIES) t.true(await reachesSoon(near, mortal, family), `before, ${family}`);

  using fabric = Netlink.open({ namespace: bed().cluster.folder.namespacePath('switch') });
  fabric.setLink(two.name, { up: false });
  await two.stopAgent('SIGKILL');
  const died = performance.now();
  for (const host of [one, three]) t.deepEqual(await all(host, 0), [], host.name);
  const took = performance.now() - died;
  t.true(took < 1000 * holdSeconds + LATE_MS, `${took} ms`);
  fabric.setLink(two.name, { up: true });
  await two.startAgent();
  for (const host of [one, three]) t.deepEqual(await all(host, FAMILIES.length), FAMILIES, host.name);
  for (const family of FAMILIES) t.true(await reachesSoon(near, mortal, family), `after, ${family}`);
  await bed().delete(config);
});

test.serial('two hosts that claim one address: status says so, and the first goes on', async (t) => {
  const [, two, three] = bed().hosts as [LabHost, LabHost, LabHost];
  await bed().apply(poolsOf(FAMILIES, MODES.VXLAN!.spec));
  await launch(three);
  const right = readFileSync(three.agentConfig, 'utf8');
  const config = JSON.parse(right) as object;
  await three.stopAgent();
  writeFileSync(three.agentConfig, JSON.stringify({ ...config, addresses: [two.addresses.ipv4, three.addresses.ipv6] }));
  await three.startAgent();
  const status = () => bed().mustWeir(['node', 'status', 'host-1']);
  const problem = `hosts "host-2" and "host-3" have one address, ${two.addresses.ipv4}`;
  t.true((await eventually(status, (text) => text.includes(problem))).includes(problem));
  for (const family of FAMILIES) t.true(await reachesSoon(near, mortal, family), family);
  await three.stopAgent();
  writeFileSync(three.agentConfig, right);
  await three.startAgent();
  t.false((await eventually(status, (text) => !text.includes('have one address'))).includes('have one address'));
});
