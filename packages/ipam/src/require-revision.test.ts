import type { Store } from '@weir/datastore';
import { type AnyObject, keyOf, parseObject, serialize } from '@weir/resources';
import test from 'ava';
import { removePool, removeRule } from './admission.ts';
import { removeClaim } from './claim.ts';
import { POOLS_GUARD } from './guard.ts';
import { removeNetwork } from './network.ts';
import type { RemoveOptions } from './require-revision.ts';
import { removeService } from './service-address.ts';
import { FakeStore } from './testing/fake-store.ts';

const rule = (kind: 'Reservation') => ({ kind, metadata: { name: 'x', labels: {}, annotations: {} } }) as const;

const REMOVALS: [object, (store: Store, options: RemoveOptions) => Promise<unknown>][] = [
  [{ kind: 'Pool', metadata: { name: 'x' }, spec: { cidr: '10.0.0.0/24' } }, (store, options) => removePool(store, 'x', options)],
  [
    { kind: 'Reservation', metadata: { name: 'x' }, spec: { addresses: ['10.0.0.0/30'] } },
    (store, options) => removeRule(store, rule('Reservation'), options),
  ],
  [{ kind: 'Network', metadata: { name: 'x' }, spec: { addressSpace: 'Own' } }, (store, options) => removeNetwork(store, 'x', options)],
  [{ kind: 'Claim', metadata: { name: 'x', namespace: 'n' }, spec: {} }, (store, options) => removeClaim(store, 'n/x', options)],
  [
    { kind: 'Service', metadata: { name: 'x', namespace: 'n' }, spec: { selector: "app == 'web'", ports: [{ port: 80 }] } },
    (store, options) => removeService(store, { namespace: 'n', name: 'x' }, options),
  ],
];

for (const [given, remove] of REMOVALS) {
  const object = parseObject({ apiVersion: 'weir/v1', ...given }) as AnyObject;
  const key = keyOf(object);
  const changed: AnyObject = { ...object, metadata: { ...object.metadata, labels: { by: 'somebody' } } };

  /** A store with the object; somebody changes it before the first transaction, after it was read. */
  async function contended(): Promise<{ store: FakeStore; revision: number }> {
    const store = new FakeStore();
    await store.transact({ when: [], then: [{ put: key, value: serialize(object) }] });
    const { revision } = (await store.get(key))!;
    store.interfere = async () => {
      store.interfere = async () => {};
      await store.transact({ when: [], then: [{ put: key, value: serialize(changed) }] });
    };
    return { store, revision };
  }

  test(`${object.kind}: what is not at the revision that was asked for stays`, async (t) => {
    const { store, revision } = await contended();
    store.interfere = async () => {};
    await t.throwsAsync(remove(store, { revision: revision - 1 }), { code: 'ECONFLICT' });
    t.is((await store.get(key))?.value, serialize(object));
    await remove(store, { revision });
    t.is(await store.get(key), undefined);
  });

  test(`${object.kind}: what is changed after it was read stays, if a revision was asked for, and goes else`, async (t) => {
    const { store, revision } = await contended();
    await t.throwsAsync(remove(store, { revision }), { code: 'ECONFLICT' });
    t.is((await store.get(key))?.value, serialize(changed));
    const free = await contended();
    await remove(free.store, {});
    t.is(await free.store.get(key), undefined);
  });
}

test('a removal of a pool that others delay by their pools is none of another revision, though it has frozen the pool itself', async (t) => {
  const store = new FakeStore();
  const object = parseObject({ apiVersion: 'weir/v1', kind: 'Pool', metadata: { name: 'x' }, spec: { cidr: '10.0.0.0/24' } }) as AnyObject;
  await store.transact({ when: [], then: [{ put: keyOf(object), value: serialize(object) }] });
  const { revision } = (await store.get(keyOf(object)))!;
  let transactions = 0;
  store.interfere = async () => {
    // The second one removes what the first has frozen: the guard has moved on then.
    if (++transactions !== 2) return;
    store.interfere = async () => {};
    await store.transact({ when: [], then: [{ put: POOLS_GUARD, value: 'other' }] });
  };
  await removePool(store, 'x', { revision });
  t.is(await store.get(keyOf(object)), undefined);
});
