/** Where the time of an ADD goes: the launcher's part from outside, the agent's from within a process that serves calls as the agent does. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster } from '@weir/lab';
import type { CniCalls } from './cni-calls.ts';
import type { PhaseRequest, Phases } from './cni-phases-process.ts';
import { median, medianRow, progress, type Row, type Series } from './table.ts';

const ROUNDS = 60;
const PAUSE_MS = 20;

export async function measurePhases({ cluster, bench }: { cluster: Cluster; bench: CniCalls }): Promise<Row[]> {
  const { weir, ptp } = bench;
  progress(`${ROUNDS} × VERSION and ADD, from outside`);
  const [start, version, add, netlink, store, nftables] = [
    'start of any process (/bin/true)',
    'launcher, socket, event loop (VERSION)',
    'an ADD, from outside',
    'the netlink messages of an ADD alone',
    'the two transactions of the store alone',
    'the transaction of nftables alone',
  ].map((name): Series => ({ name, unit: 'ms', samples: [] })) as [Series, Series, Series, Series, Series, Series];
  for (let round = 0; round < ROUNDS; round++) {
    const container = `outside-${round}`;
    bench.makeNamespace(container);
    bench.makeNamespace(`floor-${round}`);
    for (const [series, take] of [
      [start, () => bench.time({ ...ptp, plugin: '/bin/true' }, 'ADD', container)],
      [version, () => bench.time(weir, 'VERSION', container)],
      [add, () => bench.time(weir, 'ADD', container)],
    ] as const) {
      await delay(PAUSE_MS);
      series.samples.push(await take());
    }
    await delay(PAUSE_MS);
    const floor = await bench.timeFloor(`floor-${round}`);
    netlink.samples.push(floor.netlink);
    store.samples.push(floor.store);
    nftables.samples.push(floor.nftables);
  }
  for (let round = 0; round < ROUNDS; round++) await bench.time(weir, 'DEL', `outside-${round}`);
  await bench.untilLinks(0);
  await bench.close();
  const host = cluster.hosts[0]!;
  await host.stopAgent();

  progress(`${ROUNDS} × ADD within the process`);
  const inside = host.lineProcess('phases', join(import.meta.dirname, 'cni-phases-process.ts'));
  const request: PhaseRequest = {
    config: host.agentConfig,
    stdin: readFileSync(weir.stdinPath, 'utf8'),
    namespaces: Array.from({ length: ROUNDS }, (_, round) => cluster.folder.namespacePath(`outside-${round}`)),
    pauseMs: PAUSE_MS,
  };
  const { all, ...phases } = await inside.request<Phases>(request);
  await inside.close();
  const whole: Series = { name: 'an ADD, in the agent', unit: 'ms', samples: all };
  return [
    ...[start, version, netlink, store, nftables, add, whole].map((series) => medianRow(series)),
    ...Object.entries(phases).map(([name, samples]) => {
      const row = medianRow({ name: `  ${name}`, unit: 'ms', samples });
      return { ...row, peer: whole.name, ratio: row.value / median(all) };
    }),
  ];
}
