/**
 * `npm run bench:cni`: what a container's start and end wait for. The whole chain of `weir` through its launcher, with a policy in force,
 * against Debian's `ptp` with `host-local`, in turn, in fresh namespaces made beforehand. Both run as a Mesos agent runs them: started
 * from one process within the host's namespace (see start.c), over when stdout and stderr are closed. `/bin/true` run in the same way shows
 * what of that is the start of a process alone, and the same netlink messages from a tight loop what is the kernel's. `-- --store etcd`
 * takes etcd instead of the embedded store; `-- --phases` shows where the time of an ADD goes instead.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { bundleOneShot } from '@weir/agent/bundle-one-shot';
import { type Cluster, monotonicMs } from '@weir/lab';
import { withCluster } from './cluster.ts';
import { CniCalls, type Contender, PEER_PLUGINS } from './cni-calls.ts';
import { measurePhases } from './cni-phases.ts';
import type { PluginRun } from './plugin-starter.ts';
import { readStoreFlag } from './store-flag.ts';
import { StoreWriter } from './store-writer.ts';
import { median, medianRow, progress, type Row, report, type Series } from './table.ts';

const ROUNDS = 60;
/** Calls before the clock starts. An agent lives for weeks, and its code is compiled after some hundred calls. */
const WARM_UP = 300;
/** Of those, the first ones are shown as what the agent does that was just started. */
const COLD = 30;
const WARM_UP_CONTAINERS = 30;
const AT_ONCE = 16;
const AT_ONCE_ROUNDS = 7;
const FALLBACKS = 7;
/** Before each call, for what goes on behind the one before: it is not to slow down this one, which is another plugin's. */
const PAUSE_MS = 20;

if (!existsSync(join(PEER_PLUGINS, 'ptp'))) throw new Error(`${PEER_PLUGINS}/ptp is missing: apt-get install containernetworking-plugins`);
const store = readStoreFlag(['phases']) ?? 'embedded';
const rows = process.argv.includes('--phases') ? measurePhases : measure;
report('cni', await withCluster({ bench: 'cni', hosts: 1, store }, async (cluster) => rows(await prepare(cluster))));

/** Warm, and with the times of the first calls. */
interface Prepared {
  cluster: Cluster;
  bench: CniCalls;
  cold: Series;
}

async function prepare(cluster: Cluster): Promise<Prepared> {
  await prepareStore(cluster);
  const bench = new CniCalls(cluster);
  const { weir } = bench;
  progress(`${WARM_UP} × ADD and DEL of weir, so that the agent is what it is after a while`);
  const cold: Series = { name: 'ADD of weir, agent just started', unit: 'ms', samples: [] };
  for (let call = 0; call < WARM_UP; call++) {
    const container = `warm-up-${call % WARM_UP_CONTAINERS}`;
    if (call < WARM_UP_CONTAINERS) bench.makeNamespace(container);
    const took = await bench.time(weir, 'ADD', container);
    if (call < COLD) cold.samples.push(took);
    await bench.time(weir, 'DEL', container);
  }
  await bench.untilLinks(0);
  return { cluster, bench, cold };
}

async function measure({ cluster, bench, cold }: Prepared): Promise<Row[]> {
  const { weir, ptp } = bench;
  progress(`${ROUNDS} × ADD of weir, of ptp, and of bridge and firewall, in turn`);
  const bridgeAdd: Series = { name: 'ADD of bridge and firewall', unit: 'ms', samples: [] };
  const [floor, rest, necessary] = [
    'the netlink messages of an ADD alone',
    "the store's and nftables' transactions of an ADD alone",
    'VERSION of weir, these messages and these transactions',
  ].map((name): Series => ({ name, unit: 'ms', samples: [] })) as [Series, Series, Series];
  const constant: Series = { name: '/bin/true', unit: 'ms', samples: [] };
  const [weirAdd, ptpAdd, weirVersion, ptpVersion, weirDel, ptpDel] = ['ADD', 'VERSION', 'DEL'].flatMap((command) =>
    ['weir', 'ptp'].map((name): Series => ({ name: `${command} of ${name}`, unit: 'ms', samples: [] })),
  ) as [Series, Series, Series, Series, Series, Series];
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of ['weir', 'ptp', 'bridge', 'floor']) bench.makeNamespace(`${name}-${round}`);
    await inTurn(round, [
      async () => weirAdd.samples.push(await bench.time(weir, 'ADD', `weir-${round}`)),
      async () => ptpAdd.samples.push(await bench.time(ptp, 'ADD', `ptp-${round}`)),
      async () => bridgeAdd.samples.push(await bench.timeBridgeAndFirewall(`bridge-${round}`)),
      async () => {
        const { netlink, store, nftables } = await bench.timeFloor(`floor-${round}`);
        floor.samples.push(netlink);
        rest.samples.push(store + nftables);
      },
      async () => constant.samples.push(await bench.time({ ...ptp, plugin: '/bin/true' }, 'ADD', `ptp-${round}`)),
      async () => weirVersion.samples.push(await bench.time(weir, 'VERSION', `weir-${round}`)),
      async () => ptpVersion.samples.push(await bench.time(ptp, 'VERSION', `ptp-${round}`)),
    ]);
  }
  bench.expectEnforced(ROUNDS);
  necessary.samples = weirVersion.samples.map((version, round) => version + floor.samples[round]! + rest.samples[round]!);

  progress(`${ROUNDS} × DEL of both, in turn`);
  const untilGone: Series = { name: 'DEL of weir, until the link is gone', unit: 'ms', samples: [] };
  for (let round = 0; round < ROUNDS; round++) {
    await inTurn(round, [
      async () => {
        const [{ start, end }] = (await bench.call(weir, 'DEL', `weir-${round}`)) as [PluginRun];
        await bench.untilLinks(ROUNDS - round - 1);
        weirDel.samples.push(end - start);
        untilGone.samples.push(monotonicMs() - start);
      },
      async () => ptpDel.samples.push(await bench.time(ptp, 'DEL', `ptp-${round}`)),
    ]);
  }

  progress(`${AT_ONCE_ROUNDS} × ${AT_ONCE} ADDs of weir and of ptp at once, in turn`);
  const [atOnce, ptpAtOnce] = [weir, ptp].map(
    ({ name }): Series => ({ name: `${AT_ONCE} ADDs of ${name} at once`, unit: 'ms', samples: [] }),
  ) as [Series, Series];
  for (let round = 0; round < AT_ONCE_ROUNDS; round++) {
    await inTurn(round, [
      async () => atOnce.samples.push(await timeAtOnce(bench, weir, round)),
      async () => ptpAtOnce.samples.push(await timeAtOnce(bench, ptp, round)),
    ]);
  }

  progress(`${FALLBACKS} × ADD without an agent`);
  // As `weir cni install` leaves it.
  await bundleOneShot();
  await cluster.hosts[0]!.stopAgent();
  const fallback: Series = { name: 'ADD of weir without an agent', unit: 'ms', samples: [] };
  for (let round = 0; round < FALLBACKS; round++) {
    bench.makeNamespace(`fallback-${round}`);
    fallback.samples.push(await bench.time(weir, 'ADD', `fallback-${round}`));
  }

  await bench.close();
  const start = median(constant.samples);
  const less = (series: Series): Series => ({
    ...series,
    name: `${series.name}, less /bin/true`,
    samples: series.samples.map((sample) => sample - start),
  });
  return [
    medianRow(weirAdd, ptpAdd),
    medianRow(weirAdd, bridgeAdd),
    medianRow(weirAdd, floor),
    medianRow(ptpAdd),
    medianRow(bridgeAdd),
    medianRow(floor),
    medianRow(rest),
    medianRow(necessary, ptpAdd),
    { ...medianRow(cold), peer: ptpAdd.name, ratio: median(cold.samples) / median(ptpAdd.samples) },
    medianRow(weirDel, ptpDel),
    medianRow(ptpDel),
    medianRow(untilGone, ptpDel),
    medianRow(weirVersion, ptpVersion),
    medianRow(ptpVersion),
    medianRow(constant),
    medianRow(less(weirAdd), less(ptpAdd)),
    againstOne(atOnce, weirAdd),
    againstOne(ptpAtOnce, ptpAdd),
    { ...medianRow(fallback), peer: ptpAdd.name, ratio: median(fallback.samples) / median(ptpAdd.samples) },
  ];
}

/** Of all contenders, each is the first one in its share of the rounds, and comes before and after each of its neighbours in half of them. */
async function inTurn(round: number, contenders: (() => Promise<unknown>)[]): Promise<void> {
  const first = round % contenders.length;
  const order = [...contenders.slice(first), ...contenders.slice(0, first)];
  if (Math.floor(round / contenders.length) % 2 === 1) order.reverse();
  for (const contender of order) {
    await delay(PAUSE_MS);
    await contender();
  }
}

async function timeAtOnce(bench: CniCalls, contender: Contender, round: number): Promise<number> {
  const names = Array.from({ length: AT_ONCE }, (_, index) => `${contender.name}-at-once-${round}-${index}`);
  for (const name of names) bench.makeNamespace(name);
  await delay(PAUSE_MS);
  const time = await bench.time(contender, 'ADD', ...names);
  for (const name of names) await bench.call(contender, 'DEL', name);
  await bench.untilLinks(0);
  return time;
}

function againstOne(atOnce: Series, one: Series): Row {
  return { ...medianRow(atOnce), peer: `${AT_ONCE} × ${one.name}`, ratio: median(atOnce.samples) / (AT_ONCE * median(one.samples)) };
}

/** A pool, and a policy that selects every endpoint of the bench. Addresses are IPv4 only, since ptp's are. */
async function prepareStore(cluster: Cluster): Promise<void> {
  const writer = new StoreWriter(cluster);
  await writer.load([
    { kind: 'Pool', metadata: { name: 'bench' }, spec: { cidr: '10.100.0.0/16' } },
    {
      kind: 'Policy',
      metadata: { name: 'bench' },
      spec: {
        selector: "app == 'bench'",
        ingress: [{ action: 'Allow', protocol: 'TCP', source: { selector: "app == 'bench'" }, destination: { ports: [80] } }],
      },
    },
  ]);
  await writer.close();
}
