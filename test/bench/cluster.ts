/** A lab that exists for one bench and leaves nothing, however the bench ends. What it leaves all the same is told, and is its exit status. */
import { Cluster, findLeftovers, LabFolder, type NetworkFile, readMachineState, type StoreBackend, takeInventory } from '@weir/lab';
import { progress } from './table.ts';

/** Set when a signal has begun to take the lab down: what fails from then on fails because of that. */
let interrupted = false;

/** @throws what `use` throws; the lab is gone in any case */
export async function withCluster<T>(
  {
    bench,
    hosts,
    store = 'embedded',
    agent = {},
    networks,
  }: { bench: string; hosts: number; store?: StoreBackend; agent?: Record<string, unknown>; networks?: NetworkFile[] },
  use: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const name = `bench-${bench}-${process.pid}`;
  const machine = readMachineState();
  const release = removeWhenInterrupted(name);
  try {
    const cluster = await Cluster.boot({ name, hosts, store, agent, progress, ...(networks && { networks }) });
    try {
      return await use(cluster);
    } finally {
      if (!interrupted) await takeDown(cluster, machine);
    }
  } catch (error) {
    if (interrupted) await new Promise(() => {}); // the signal's handler ends the process
    throw error;
  } finally {
    release();
  }
}

async function takeDown(cluster: Cluster, machine: Set<string>): Promise<void> {
  const inventory = takeInventory(cluster.folder);
  await cluster.close();
  const left = findLeftovers(machine, inventory);
  if (left.length === 0) return;
  progress(`left behind: ${left.join('; ')}`); // what was measured is not lost by it
  process.exitCode = 1;
}

function removeWhenInterrupted(name: string): () => void {
  const handlers = (
    [
      ['SIGINT', 130],
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const
  ).map(([signal, status]) => {
    const handler = async () => {
      if (interrupted) return;
      interrupted = true;
      progress(`${signal}: taking the lab down`);
      await LabFolder.open(name).remove();
      process.exit(status);
    };
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  return () => {
    for (const release of handlers) release();
  };
}
