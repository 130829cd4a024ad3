/** Behind a slow link that loses one frame in twenty: slower, in each mode, and nothing else; the other rack's own matters are as ever. */
import { LOSSY_RACK } from '@weir/lab';
import test from 'ava';
import { eventually } from '../testbed/eventually.ts';
import { type Family, MODES, poolsOf } from '../testbed/routing-matrix.ts';
import { Testbed, type Workload } from '../testbed/testbed.ts';

const FAMILIES: Family[] = ['ipv4', 'ipv6'];
const QUESTION = 20_000;
const ENOUGH = 20;

const bed = Testbed.share(test, { topology: LOSSY_RACK, manifests: poolsOf(FAMILIES, MODES.VXLAN!.spec) });

let tasks: [Workload, Workload, Workload];

test.serial.before(async (t) => {
  t.timeout(60_000);
  tasks = (await Promise.all(bed().hosts.map((host) => bed().launch(host, { app: host.name })))) as typeof tasks;
});

for (const mode of Object.keys(MODES)) {
  test.serial(`${mode}: connections with many packets come to their end`, async (t) => {
    await bed().apply(poolsOf(FAMILIES, MODES[mode]!.spec));
    const [near, far, farther] = tasks;
    const pairs = [[far, farther], ...(MODES[mode]!.reaches.includes('behind a router') ? [[near, far]] : [])];
    const streams = pairs.flatMap(([from, to]) =>
      FAMILIES.map((family) => ({ from: from!, to: to!, family, name: `${mode} ${from!.name} ${to!.name} ${family}` })),
    );
    await Promise.all(
      streams.map(async ({ from, to, family, name }) => {
        const reached = await eventually(
          () => from.traffic.tcp({ address: to[family], port: 80, timeoutMs: 2000 }),
          (came) => came,
        );
        t.true(reached, name);
        await from.traffic.stream(name, { address: to[family], port: 80, bytes: QUESTION });
      }),
    );
    for (const { from, name } of streams) {
      const state = await eventually(
        () => from.traffic.streamState(name),
        ({ answered, ended }) => answered >= ENOUGH || ended !== undefined,
        { limitMs: 30_000 },
      );
      t.is(state.ended, undefined, name);
      t.true(state.answered >= ENOUGH, `${name}: ${state.answered}`);
    }
  });
}
