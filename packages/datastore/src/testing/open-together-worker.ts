/** A worker that opens new files at the same moment as others. Tells each error. */
import { parentPort, workerData } from 'node:worker_threads';
import { openEmbeddedStore } from '../embedded/embedded-store.ts';

/** `arrivals`: how often any of the `workers` was ready for the next file. */
const { arrivals, workers, paths } = workerData as { arrivals: Int32Array; workers: number; paths: string[] };

for (const [index, path] of paths.entries()) {
  Atomics.add(arrivals, 0, 1);
  while (Atomics.load(arrivals, 0) < (index + 1) * workers);
  try {
    const store = openEmbeddedStore({ path, timeoutMilliseconds: 5000 });
    await store.get('/a');
    await store.close();
  } catch (error) {
    parentPort!.postMessage(String(error));
  }
}
