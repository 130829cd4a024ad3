/**
 * A pool's mode changes on a live cluster: connections both ways, over both families, small questions and ones of many packets, go on.
 * The bound is the one that docs/networks.md gives.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { TWO_RACKS } from '@weir/lab';
import test from 'ava';
import { eventually } from '../testbed/eventually.ts';
import { readReadiness } from '../testbed/health.ts';
import { type Family, MODES, poolsOf } from '../testbed/routing-matrix.ts';
import { Testbed, type Workload } from '../testbed/testbed.ts';

const BOUND_MS = 1000;
const FAMILIES: Family[] = ['ipv4', 'ipv6'];
/** One packet, and more than a full window of them: what is too large for the new way has to find out. */
const SIZES = [1, 20_000];
/** What the hosts do about a change takes well under this, and a gap that it makes shows. */
const WATCHED_MS = 2000;

/** Two hosts of one subnet, where every mode leads. */
const bed = Testbed.share(test, {
  topology: { ...TWO_RACKS, hosts: ['rack-1', 'rack-1'] },
  manifests: poolsOf(FAMILIES, MODES.native!.spec),
});

interface Stream {
  name: string;
  from: Workload;
}

const streams: Stream[] = [];

test.serial.before(async (t) => {
  t.timeout(60_000);
  const [one, two] = (await Promise.all(bed().hosts.map((host) => bed().launch(host, { app: host.name })))) as [Workload, Workload];
  const opened = [
    [one, two],
    [two, one],
  ].flatMap(([from, to]) =>
    FAMILIES.flatMap((family) =>
      SIZES.map(async (bytes) => {
        const name = `${from!.name} to ${to!.name}, ${family}, ${bytes} bytes`;
        const reached = await eventually(
          () => from!.traffic.tcp({ address: to![family], port: 80 }),
          (came) => came,
        );
        t.true(reached, name);
        await from!.traffic.stream(name, { address: to![family], port: 80, bytes });
        return { name, from: from! };
      }),
    ),
  );
  streams.push(...(await Promise.all(opened)));
});

const look = () => Promise.all(streams.map(async ({ name, from }) => ({ name, ...(await from.traffic.streamState(name)) })));

for (const [from, to] of [
  ['native', 'VXLAN'],
  ['VXLAN', 'crossSubnet'],
  ['crossSubnet', 'native'],
  ['native', 'crossSubnet'],
  ['crossSubnet', 'VXLAN'],
  ['VXLAN', 'native'],
] as const) {
  test.serial(`from ${from} to ${to}: no connection waits longer than a second`, async (t) => {
    await look();
    await bed().apply(poolsOf(FAMILIES, MODES[to]!.spec));
    await delay(WATCHED_MS);
    const after = await look();
    for (const { name, ended, answered, longestGapMs } of after) {
      t.is(ended, undefined, name);
      t.true(answered > 10, name);
      t.true(longestGapMs < BOUND_MS, `${name}: ${longestGapMs} ms`);
    }
    t.log(`longest gap ${Math.round(Math.max(...after.map(({ longestGapMs }) => longestGapMs)))} ms`);
    // The next change is to begin where this one has ended.
    for (const host of bed().hosts)
      t.true(
        (
          await eventually(
            () => readReadiness(host),
            ({ reasons }) => reasons.length === 0,
          )
        ).ready,
      );
  });
}
