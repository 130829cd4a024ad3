import { openStore } from '../open-store.ts';
import type { StoreOptions } from '../store-options.ts';
import { increment } from './increment.ts';

const [options, key, times] = process.argv.slice(2) as [string, string, string];
const store = await openStore(JSON.parse(options) as StoreOptions);
await increment(store, key, Number(times));
await store.close();
