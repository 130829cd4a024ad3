import { openStore } from '../open-store.ts';
import type { StoreOptions } from '../store-options.ts';

const [options, key] = process.argv.slice(2) as [string, string];
const store = await openStore(JSON.parse(options) as StoreOptions);
const lease = await store.lease(1);
await store.transact({ when: [], then: [{ put: key, value: `${process.pid}`, lease: lease.id }] });
// Until it is killed.
setInterval(() => {}, 60_000);
