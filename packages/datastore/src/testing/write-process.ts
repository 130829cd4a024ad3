import { openStore } from '../open-store.ts';
import type { StoreOptions } from '../store-options.ts';

const store = await openStore(JSON.parse(process.argv[2]!) as StoreOptions);
// Until it is killed. Tells each revision once it is committed.
for (let value = 0; ; value++) {
  const text = `${process.pid} ${value} ${'x'.repeat(Math.random() * 5000)}`;
  const result = await store.transact({ when: [], then: ['/a', '/b'].map((key) => ({ put: key, value: text })) });
  if (result.committed) process.send!(result.revision);
  await new Promise((resolve) => setImmediate(resolve));
}
