/** Writes to the store from within a host; see store-writer.ts. */
import { ObjectStore, openStore, resolveStoreOptions } from '@weir/datastore';
import { admitPool } from '@weir/ipam';
import { monotonicMs, serveLines } from '@weir/lab';
import { type AnyObject, type Kind, type Pool, parseObject } from '@weir/resources';
import type { WriterRequest } from './store-writer.ts';

/** Writes under way at a time when many are to be made. */
const AT_ONCE = 50;

const store = await openStore(resolveStoreOptions({ env: process.env }));
const objects = new ObjectStore(store);

await serveLines((request) => answer(request as unknown as WriterRequest));
await store.close();

async function answer(request: WriterRequest): Promise<unknown> {
  switch (request.operation) {
    case 'load':
      for (let from = 0; from < request.objects.length; from += AT_ONCE)
        await Promise.all(request.objects.slice(from, from + AT_ONCE).map((object) => write(parseObject(object) as AnyObject)));
      return undefined;
    case 'put': {
      const object = parseObject(request.object) as AnyObject;
      return timed(() => objects.put(object));
    }
    case 'remove':
      return timed(() => objects.remove(request.kind as Kind, request.name, request.namespace));
    case 'get':
      return (await objects.get(request.kind as Kind, request.name, request.namespace))?.object;
  }
}

function write(object: AnyObject): Promise<number> {
  return object.kind === 'Pool' ? admitPool(store, object as Pool) : objects.put(object);
}

async function timed(action: () => Promise<unknown>): Promise<{ start: number; end: number }> {
  const start = monotonicMs();
  await action();
  return { start, end: monotonicMs() };
}
