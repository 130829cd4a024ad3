/**
 * `make demo`: the main job on three Mesos hosts in network namespaces, told as a story. STORE=etcd takes a real etcd; KEEP=1 leaves the
 * lab up. Ends with status 0 when everything was as policy says and nothing was left behind, 1 when not.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { MarathonClient } from '@weir/mesos';
import { Cluster, type StoreBackend } from './cluster.ts';
import { Instances } from './demo/instance.ts';
import { describeKeptLab } from './demo/kept-lab.ts';
import { Narrator } from './demo/narrator.ts';
import { Operator } from './demo/operator.ts';
import { play } from './demo/play.ts';
import { StoreClock } from './demo/store-clock.ts';
import { findLeftovers, readMachineState, takeInventory } from './leftovers.ts';
import { MARATHON_PORT } from './marathon-double/marathon-server.ts';
import { startMarathon } from './marathon-double/start-marathon.ts';
import { flat, hostLink } from './topology.ts';

/** Another name lets a second lab stand beside the first. */
const LAB = process.env.WEIR_LAB || 'demo';
const HOSTS = 3;
/** As Weir's agents ask it: on the first host. */
const MARATHON_URL = `http://${hostLink(flat(HOSTS), 1).addresses.ipv4!.split('/')[0]}:${MARATHON_PORT}`;
const STORES: Record<StoreBackend, string> = { embedded: 'the embedded store, a file', etcd: 'a real etcd' };

const narrator = new Narrator();
let isInterrupted = false;

try {
  process.exitCode = await main(readStore(process.env.STORE), process.env.KEEP === '1');
} catch (error) {
  if (isInterrupted) await new Promise(() => {}); // the lab is being removed, and this process with it
  console.error(`\nThe demo stopped: ${error instanceof Error ? error.message : String(error)}`);
  if (process.env.DEBUG) console.error(error);
  process.exitCode = 1;
}

async function main(store: StoreBackend, keep: boolean): Promise<number> {
  const machine = readMachineState();
  narrator.step(`A lab of three Mesos hosts on ${STORES[store]}`);
  narrator.say('Each host is a network namespace with a Weir agent; a switch, in a namespace too, joins them.');
  const agent = { mesos: { interval: 1 }, marathon: { urls: [MARATHON_URL], interval: 5 } };
  const cluster = await Cluster.boot({ name: LAB, hosts: HOSTS, store, agent, progress: (step) => narrator.say(`- ${step}`), onInterrupt });
  let stays = false;
  try {
    const marathonUrl = await startMarathon(cluster.folder, { hosts: HOSTS });
    narrator.say(`- Marathon on ${marathonUrl}; its tasks get their networks as from Mesos' network/cni isolator`);
    const marathon = new MarathonClient({ url: marathonUrl });
    const hostProbes = Instances.probeHosts(cluster.hosts);
    const instances = new Instances(marathon, hostProbes);
    const operator = new Operator(cluster.hosts[0]!, cluster.storeEnvironment, narrator);
    const clock = new StoreClock(cluster.hosts[0]!, cluster.storeEnvironment);
    await play({ cluster, narrator, marathon, marathonUrl, instances, operator, clock, hostProbes });
    if (keep) {
      stays = true;
      narrator.step('The lab stays up');
      narrator.say(
        describeKeptLab(cluster, { marathonUrl, instances: await instances.list(['/policy-demo/nginx', '/policy-demo/other']) }),
      );
    } else {
      narrator.step('Everything is taken down');
      for (const { id } of await marathon.listApps()) await marathon.deleteApp(id);
      while ((await marathon.listApps()).length > 0) await delay(20);
      narrator.say('- Marathon has ended the apps: every CNI DEL was answered with success');
    }
    await Promise.all([instances.close(), clock.close(), ...[...hostProbes.values()].map((probe) => probe.close())]);
  } finally {
    if (!stays && !isInterrupted) await takeDown(cluster, machine);
  }
  if (narrator.failures.length === 0) return 0;
  narrator.say(`\nNot as policy says:\n${narrator.failures.map((failure) => `- ${failure}`).join('\n')}`);
  return 1;
}

async function takeDown(cluster: Cluster, machine: Set<string>): Promise<void> {
  const inventory = takeInventory(cluster.folder);
  await cluster.close();
  const left = findLeftovers(machine, inventory);
  narrator.expect(left.length === 0, left.length === 0 ? 'no namespace, link, rule or process is left' : `left behind: ${left.join('; ')}`);
}

function readStore(name: string | undefined): StoreBackend {
  if (name === undefined || name === '' || name === 'embedded') return 'embedded';
  if (name === 'etcd') return 'etcd';
  throw new Error(`STORE=${name} is not known: embedded or etcd`);
}

function onInterrupt(signal: NodeJS.Signals): void {
  isInterrupted = true;
  narrator.say(`\n${signal}: taking the lab down`);
}
