/**
 * `npm run bench:policy`: from a write to the store until the kernel has what follows from it, with 1,000 endpoints in 50 apps, each app
 * with a policy; agents run on two hosts of 100 endpoints each. The time is that of the kernel's own notification of the nftables
 * transaction that switches (see switches.c), counted from before the call to the store, on the host where the write was made and on the
 * other one. The containers have no processes: packets are no part of this. `-- --store embedded` or `etcd` takes only that one.
 */
import { Netlink } from '@weir/kernel';
import { type Cluster, monotonicMs, type StoreBackend } from '@weir/lab';
import { withCluster } from './cluster.ts';
import { compile } from './compile.ts';
import { KernelSwitches } from './kernel-switches.ts';
import { APPS, type AppPolicy, ENDPOINTS, ENDPOINTS_PER_HOST, endpointOf, firstPolicyOf, policyOf } from './policy-objects.ts';
import { readStoreFlag } from './store-flag.ts';
import { StoreWriter, type Written } from './store-writer.ts';
import { progress, quantile, type Row, report, spread } from './table.ts';
import { until } from './until.ts';

/** Of each: another peer, another port, deleted, written again. */
const POLICY_ROUNDS = 60;
const LABEL_CHANGES = 240;
/** Rounds of policy changes before the clock starts: agents live for weeks, and their code is compiled after some hundred changes. */
const WARM_UP_ROUNDS = 50;
/** Without a transaction for so long, the agents have nothing left to do for the last change. */
const QUIET_MS = 50;
const TARGET_MS = { here: 10, elsewhere: 50 };

/** Milliseconds. */
interface Change {
  write: number;
  here: number;
  elsewhere: number;
}

const rows: Row[] = [];
for (const store of [readStoreFlag() ?? (['embedded', 'etcd'] as const)].flat()) {
  rows.push(...(await withCluster({ bench: 'policy', hosts: 2, store }, (cluster) => measure(cluster, store))));
}
report('policy', rows);

async function measure(cluster: Cluster, store: StoreBackend): Promise<Row[]> {
  const program = compile('switches.c', cluster.folder);
  const [here, elsewhere] = (await Promise.all(cluster.hosts.map((host) => KernelSwitches.start(host, cluster.folder, program)))) as [
    KernelSwitches,
    KernelSwitches,
  ];
  const writer = new StoreWriter(cluster);
  const untilQuiet = () =>
    until(`${QUIET_MS} ms without a change`, () => monotonicMs() - Math.max(here.last, elsewhere.last) >= QUIET_MS, 1);
  const change = async (write: () => Promise<Written>): Promise<Change> => {
    await untilQuiet();
    const { start, end } = await write();
    const [hereAt, elsewhereAt] = await Promise.all([here.firstSince(start), elsewhere.firstSince(start)]);
    return { write: end - start, here: hereAt - start, elsewhere: elsewhereAt - start };
  };

  progress(`${ENDPOINTS} endpoints and ${APPS} policies on ${store}`);
  await populate(cluster, writer);
  await settle(here, elsewhere);

  progress(`${4 * POLICY_ROUNDS} changes of a policy`);
  const policyChanges: Change[] = [];
  for (let round = 0; round < WARM_UP_ROUNDS + POLICY_ROUNDS; round++) {
    if (round === WARM_UP_ROUNDS) policyChanges.length = 0;
    const first = firstPolicyOf(round % APPS);
    // Each round leaves the policy as another one than it found: the next change of that app is one, too.
    const peer = { ...first, peer: (first.peer + 1 + Math.floor(round / APPS)) % APPS };
    const port: AppPolicy = { ...peer, port: 1024 + round };
    for (const policy of [peer, port]) policyChanges.push(await change(() => writer.put(policyOf(policy))));
    policyChanges.push(await change(() => writer.remove(policyOf(port))));
    policyChanges.push(await change(() => writer.put(policyOf(port))));
  }

  progress(`${LABEL_CHANGES} changes of an endpoint's labels`);
  const labelChanges: Change[] = [];
  for (let round = 0; round < LABEL_CHANGES; round++) {
    // In turn one of this host, of the other host, and of a host without an agent.
    const index = (round % 3) * ENDPOINTS_PER_HOST + Math.floor(round / 3);
    labelChanges.push(await change(() => writer.put(endpointOf(index, (index + 7) % APPS))));
  }
  await writer.close();

  const column = (changes: Change[], field: keyof Change) => changes.map((one) => one[field]);
  const ofThisHost = labelChanges.filter((_, index) => index % 3 === 0);
  return [
    ...rowsOf(`${store}: policy changed → kernel here`, column(policyChanges, 'here'), TARGET_MS.here),
    ...rowsOf(
      `${store}: of this, from the committed write on`,
      policyChanges.map(({ here, write }) => here - write),
      TARGET_MS.here,
    ),
    ...rowsOf(`${store}: policy changed → kernel of another host`, column(policyChanges, 'elsewhere'), TARGET_MS.elsewhere),
    ...rowsOf(`${store}: label of an endpoint here → kernel here`, column(ofThisHost, 'here'), TARGET_MS.here),
    ...rowsOf(`${store}: label of any endpoint → kernel here`, column(labelChanges, 'here'), TARGET_MS.here),
    ...rowsOf(`${store}: label of any endpoint → kernel of another host`, column(labelChanges, 'elsewhere'), TARGET_MS.elsewhere),
    ...rowsOf(`${store}: of this, the write alone`, column([...policyChanges, ...labelChanges], 'write')),
  ];
}

async function populate(cluster: Cluster, writer: StoreWriter): Promise<void> {
  const endpoints = Array.from({ length: ENDPOINTS }, (_, index) => endpointOf(index));
  for (const host of cluster.hosts) {
    using netlink = Netlink.open({ namespace: host.namespace });
    // An agent collects endpoints whose interface is gone.
    for (const { spec } of endpoints)
      if (spec.host === host.name) netlink.addVeth({ name: spec.hostInterface, peer: { name: `to-${spec.containerId}` } });
  }
  await writer.load(endpoints);
  await writer.load(Array.from({ length: APPS }, (_, app) => policyOf(firstPolicyOf(app))));
}

/** Returns when both kernels have had what was loaded for half a second. */
async function settle(...kernels: KernelSwitches[]): Promise<void> {
  await until('half a second without a change', () => kernels.every(({ last }) => last > 0 && monotonicMs() - last >= 500));
}

/** p50 and p99; the latter as a share of what is wanted of it. */
function rowsOf(name: string, samples: number[], target?: number): Row[] {
  const p99 = quantile(samples, 0.99);
  return [
    { name: `${name}, p50 of ${samples.length}`, value: quantile(samples, 0.5), unit: 'ms', spread: spread(samples) },
    { name: `${name}, p99`, value: p99, unit: 'ms', ...(target !== undefined && { peer: `the ${target} ms wanted`, ratio: p99 / target }) },
  ];
}
