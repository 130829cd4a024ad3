import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test from 'ava';
import { openStore } from '../open-store.ts';
import type { EmbeddedOptions } from '../store-options.ts';
import { testStoreBehaviour } from '../testing/store-behaviour.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-embedded-'));
test.after.always(() => rmSync(folder, { recursive: true }));

const options = (): EmbeddedOptions => ({ backend: 'embedded', path: join(folder, 'weir.db'), timeoutMilliseconds: 5000 });

testStoreBehaviour(test, {
  open: () => openStore(options()),
  options,
  revoke: async (lease) => {
    const database = new DatabaseSync(options().path);
    database.prepare('DELETE FROM leases WHERE id = ?').run(lease);
    database.close();
  },
});
