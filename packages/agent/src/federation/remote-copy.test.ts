import { ObjectStore } from '@weir/datastore';
import { temporaryStore } from '@weir/datastore/testing';
import { type AnyObject, parseKey, parseObject } from '@weir/resources';
import test, { type ExecutionContext } from 'ava';
import { RemoteCopy } from './remote-copy.ts';
import { RemoteView } from './remote-view.ts';

const RANGES = { cidrs: ['10.9.0.0/16'], others: ['10.9.7.0/24'] };
const LEADER = '/weir/leader/remote-cluster-east';

const keyThere = (name: string) => `/weir/v1/Endpoint/shop/${name}`;
const stored = (labels: object, addresses: string[], spec: object = {}) => ({
  metadata: { labels },
  spec: { host: 'h1', addresses, ...spec },
});

async function copying(t: ExecutionContext) {
  const { store } = await temporaryStore(t);
  const result = await store.transact({ when: [], then: [{ put: LEADER, value: 'here' }] });
  const held = { key: LEADER, revision: result.committed ? result.revision : 0 };
  const view = new RemoteView('east');
  const open = () => RemoteCopy.open({ store, held, view, cluster: 'east' });
  const copies = async () =>
    (await new ObjectStore(store).list('RemoteEndpoint')).objects.map(({ object: { metadata, spec } }) => [
      metadata.name,
      metadata.labels,
      spec.addresses,
      spec.ready,
    ]);
  return { store, view, open, copies };
}

test('endpoints as its own cluster’s selectors see them, at addresses that are believed', async (t) => {
  const { view, open, copies } = await copying(t);
  const copy = await open();
  const put = (name: string, value: unknown) => copy.changed(view.put(parseKey(keyThere(name))!, value));
  put('web', stored({ app: 'web', 'weir/cluster': 'lie' }, ['10.9.0.1', '10.8.0.1'], { mesos: { healthy: false, newer: 1 }, newer: true }));
  put('liar', stored({}, ['10.9.7.1']));
  put('broken', { spec: 1 });
  put('waits', stored({}, ['10.9.0.4'], { waitsForLabels: true }));
  put('tenant', stored({}, ['10.9.0.5'], { addressSpace: 'Own' }));
  put('odd', stored({ 'a b': 'c' }, ['10.9.0.6']));
  put('huge', stored(Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`l${index}`, 'x'.repeat(500)])), ['10.9.0.7']));
  copy.changed(view.put({ kind: 'Namespace', name: 'shop' }, { spec: { labelsToApply: { tier: 'gold', app: 'none' } } }));
  t.true(await copy.write());
  t.deepEqual(await copies(), [], 'there is no RemoteCluster');
  copy.changed(view.believe(RANGES));
  t.true(await copy.write());
  t.deepEqual(await copies(), [['east_web', { app: 'web', tier: 'gold', 'weir/cluster': 'east' }, ['10.9.0.1'], false]]);
  t.is(copy.refused.count, 4);
  t.regex(copy.refused.example!, /^shop\/liar: 10\.9\.7\.1 is not within 10\.9\.0\.0\/16, or is another's$/);
  copy.changed(view.put({ kind: 'Namespace', name: 'shop' }, undefined));
  put('liar', undefined);
  await copy.write();
  t.deepEqual((await copies())[0]![1], { app: 'web', 'weir/cluster': 'east' });
  t.is(copy.refused.count, 3);
  copy.changed(view.believe(undefined));
  await copy.write();
  t.deepEqual(await copies(), []);
});

test('who leads next finds what is there, and takes away what is gone; other clusters’ stay', async (t) => {
  const { store, view, open, copies } = await copying(t);
  view.believe(RANGES);
  const first = await open();
  for (let index = 0; index < 250; index += 1) first.changed(view.put(parseKey(keyThere(`e${index}`))!, stored({}, [`10.9.1.${index}`])));
  t.true(await first.write());
  t.is((await copies()).length, 250);
  const other = parseObject({
    apiVersion: 'weir/v1',
    kind: 'RemoteEndpoint',
    metadata: { name: 'west_e', namespace: 'shop' },
    spec: { cluster: 'west', host: 'h', addresses: [] },
  });
  await new ObjectStore(store).put(other as AnyObject);
  const next = await open();
  for (let index = 0; index < 240; index += 1) next.changed([keyThere(`e${index}`)]);
  const { revision } = await store.list('/');
  t.true(await next.write());
  t.is((await store.list('/')).revision, revision + 1, 'what is as wanted is not written again');
  t.is(next.count, 240);
  t.is((await copies()).length, 241);
});

test('who leads no more writes nothing', async (t) => {
  const { store, view, open, copies } = await copying(t);
  view.believe(RANGES);
  const copy = await open();
  copy.changed(view.put(parseKey(keyThere('web'))!, stored({}, ['10.9.0.1'])));
  await store.transact({ when: [], then: [{ put: LEADER, value: 'another' }] });
  t.false(await copy.write());
  t.deepEqual(await copies(), []);
});

test('what somebody else deleted is written again, and what goes by our own hand is not missed', async (t) => {
  const { store, view, open, copies } = await copying(t);
  view.believe(RANGES);
  const copy = await open();
  copy.changed(view.put(parseKey(keyThere('web'))!, stored({}, ['10.9.0.1'])));
  await copy.write();
  const key = '/weir/v1/RemoteEndpoint/shop/east_web';
  await store.transact({ when: [], then: [{ delete: key }] });
  copy.lost(key);
  t.is(copy.count, 0);
  await copy.write();
  t.is((await copies()).length, 1);
  copy.changed(view.put(parseKey(keyThere('web'))!, undefined));
  await copy.write();
  copy.lost(key);
  await copy.write();
  t.deepEqual(await copies(), []);
});

test('what the last leader left may be gone before this one has read the other cluster', async (t) => {
  const { view, open, copies, store } = await copying(t);
  view.believe(RANGES);
  const last = await open();
  last.changed(view.put(parseKey(keyThere('web'))!, stored({}, ['10.9.0.1'])));
  await last.write();
  const copy = await open();
  await store.transact({ when: [], then: [{ delete: '/weir/v1/RemoteEndpoint/shop/east_web' }] });
  copy.lost('/weir/v1/RemoteEndpoint/shop/east_web');
  t.true(await copy.write());
  t.deepEqual(await copies(), []);
});
