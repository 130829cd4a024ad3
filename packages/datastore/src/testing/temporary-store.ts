import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../open-store.ts';
import type { Store } from '../store.ts';

/** An embedded store in a folder of its own, for other files of the test too; both are gone when the test is over. */
export async function temporaryStore(t: { teardown(end: () => Promise<void>): void }): Promise<{ store: Store; folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-store-'));
  const store = await openStore({ backend: 'embedded', path: join(folder, 'weir.db'), timeoutMilliseconds: 20_000 });
  t.teardown(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });
  return { store, folder };
}
