import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ObjectStore, openStore, resolveStoreOptions, type Store } from '@weir/datastore';
import { type AnyObject, keyOf, parseObject, serialize } from '@weir/resources';
import test from 'ava';
import { deleteObject } from './write-object.ts';

test('what is changed while it is looked at, whether it may go, stays and is told of as if it had been before', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'weir-write-'));
  const store = await openStore(resolveStoreOptions({ env: { WEIR_STORE_PATH: join(folder, 'weir.db') } }));
  t.teardown(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });
  for (const [kind, spec] of [
    ['Pool', { cidr: '10.77.0.0/16' }],
    ['Network', { addressSpace: 'Own' }],
    ['Tier', { order: 7 }],
    ['NetworkSet', { nets: ['192.0.2.0/24'] }],
  ] as const) {
    const metadata = { name: 'x', ...(kind === 'NetworkSet' && { namespace: 'default' }) };
    const object = parseObject({ apiVersion: 'weir/v1', kind, metadata, spec }) as AnyObject;
    const put = (one: AnyObject) => store.transact({ when: [], then: [{ put: keyOf(one), value: serialize(one) }] });
    await put(object);
    const { revision } = (await store.get(keyOf(object)))!;
    const changed = { ...object, metadata: { ...object.metadata, labels: { by: 'somebody' } } } as AnyObject;
    const contended = beforeTransaction(store, () => put(changed));
    const id = { kind, ...metadata };
    await t.throwsAsync(deleteObject({ store: contended, objects: new ObjectStore(contended) }, id, { revision }), {
      code: 'ECHANGED',
      message: new RegExp(`^${kind.toLowerCase()}/x was to be at revision ${revision} and is at revision \\d+: read it again`),
    });
    t.is((await store.get(keyOf(object)))?.value, serialize(changed));
  }
});

/** The store, with something done before its first transaction. */
function beforeTransaction(store: Store, work: () => Promise<unknown>): Store {
  let isDone = false;
  const transact: Store['transact'] = async (transaction) => {
    if (!isDone) await work();
    isDone = true;
    return store.transact(transaction);
  };
  return new Proxy(store, {
    get(target, name) {
      if (name === 'transact') return transact;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
