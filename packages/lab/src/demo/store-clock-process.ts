/** Runs where the store is reachable and says when a write arrives in it; see store-clock.ts. */
import { openStore, resolveStoreOptions, type Store } from '@weir/datastore';
import { monotonicMs } from '../clock.ts';
import { serveLines } from '../line-process.ts';

const store = await openStore(resolveStoreOptions({ env: process.env }));
const armed = new Map<string, Promise<{ notBefore: number; key: string }>>();

await serveLines(async ({ operation, prefix }) => {
  if (operation === 'written') return armed.get(prefix as string);
  const before = await state(store, prefix as string);
  armed.set(prefix as string, change(prefix as string, before));
  return undefined;
});
await store.close();

/** Asks again and again: that is nearer to the write than a watch, which is told of it. */
async function change(prefix: string, before: Map<string, number>): Promise<{ notBefore: number; key: string }> {
  for (let notBefore = monotonicMs(); ; ) {
    const asked = monotonicMs();
    const now = await state(store, prefix);
    for (const key of new Set([...before.keys(), ...now.keys()])) if (before.get(key) !== now.get(key)) return { notBefore, key };
    notBefore = asked;
    await new Promise(setImmediate);
  }
}

async function state(from: Store, prefix: string): Promise<Map<string, number>> {
  return new Map((await from.list(prefix)).entries.map(({ key, revision }) => [key, revision]));
}
