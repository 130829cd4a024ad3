/** On the embedded store, which has etcd's semantics; the real one is in test/flannel.test.ts. */
import { join } from 'node:path';
import type { Store } from '@weir/datastore';
import { temporaryStore } from '@weir/datastore/testing';
import test, { type ExecutionContext } from 'ava';
import { FlannelRecords } from './flannel-records.ts';
import { type HeldLease, holdLease } from './hold-lease.ts';
import { readSaved, save } from './saved-network.ts';

const PREFIX = '/net';
const CONFIG = '{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}';
const MAC = '02:00:00:00:00:01';

async function storeOf(t: ExecutionContext): Promise<{ store: Store; folder: string }> {
  const { store, folder } = await temporaryStore(t);
  await put(store, 'config', CONFIG);
  return { store, folder };
}

async function put(store: Store, name: string, value: string): Promise<void> {
  await store.transact({ when: [], then: [{ put: `${PREFIX}/${name}`, value }] });
}

async function recordsOf(store: Store): Promise<FlannelRecords> {
  return new FlannelRecords(PREFIX, (await store.list(`${PREFIX}/`)).entries);
}

async function hold(
  store: Store,
  of: { held?: HeldLease; records?: FlannelRecords; previous?: string } = {},
): Promise<HeldLease | undefined> {
  const records = of.records ?? (await recordsOf(store));
  return holdLease(store, {
    network: records.network(),
    records,
    addresses: { IPv4: '192.0.2.1' },
    previous: of.previous === undefined ? undefined : { IPv4: of.previous },
    held: of.held,
    macOf: () => MAC,
  });
}

test('a lease of its own is taken once, kept as it is, and taken over from an earlier process', async (t) => {
  const { store } = await storeOf(t);
  const first = await hold(store, { previous: '10.5.52.0/24' });
  t.is(first!.name, '10.5.52.0-24');
  const entry = await store.get(`${PREFIX}/subnets/10.5.52.0-24`);
  t.is(entry!.value, `{"PublicIP":"192.0.2.1","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"${MAC}"}}`);
  t.is(entry!.lease, first!.lease!.id);
  t.is(first!.lease!.ttlSeconds, 24 * 3600);
  // Listed again, nothing is written.
  t.is((await hold(store, { held: first! }))!.lease, first!.lease);
  t.is((await store.get(entry!.key))!.revision, entry!.revision);
  const second = await hold(store);
  t.is(second!.name, first!.name);
  t.is((await store.get(entry!.key))!.lease, second!.lease!.id);
  // The old lease holds nothing any more.
  await first!.lease!.revoke();
  t.is((await store.get(entry!.key))!.value, entry!.value);
});

test('a reservation stays one; a race that was lost leaves nothing behind', async (t) => {
  const { store } = await storeOf(t);
  await put(store, 'subnets/10.5.7.0-24', '{"PublicIP":"192.0.2.1"}');
  const outdated = await recordsOf(store);
  const reserved = await hold(store);
  t.is(reserved!.lease, undefined);
  const entry = await store.get(`${PREFIX}/subnets/10.5.7.0-24`);
  t.is(entry!.lease, undefined);
  t.regex(entry!.value, /VtepMAC/);

  const { values } = await recordsOf(store);
  t.is(await hold(store, { records: outdated }), undefined);
  t.deepEqual((await recordsOf(store)).values, values);
});

test('a lease that the configuration no longer allows makes place for another', async (t) => {
  const { store } = await storeOf(t);
  await put(store, 'subnets/10.6.7.0-24', '{"PublicIP":"192.0.2.1"}');
  const held = await hold(store);
  t.regex(held!.name, /^10\.5\.\d+\.0-24$/);
  t.deepEqual(
    (await store.list(`${PREFIX}/subnets/`)).entries.map(({ key }) => key),
    [`${PREFIX}/subnets/${held!.name}`],
  );
});

test('what is known is kept in a file, and what cannot be read is told and takes its subnet', async (t) => {
  const { store, folder } = await storeOf(t);
  await put(store, 'subnets/10.5.9.0-24', '{"PublicIP":"here"}');
  const held = await hold(store);
  const records = await recordsOf(store);
  t.regex(records.unreadable.join(), /^flannel's lease 10\.5\.9\.0-24 cannot be read: /);
  const path = join(folder, 'flannel.json');
  t.is(readSaved(path), undefined);
  save(path, { prefix: PREFIX, own: held!.name, records });
  t.like(readSaved(path), { prefix: PREFIX, name: held!.name, own: { ends: { IPv4: { vtep: { mac: MAC } } } } });
  t.deepEqual(readSaved(path)!.records.values, records.values);
});

test('of two leases with one hardware address the later one counts', (t) => {
  const value = (address: string) => `{"PublicIP":"${address}","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"${MAC}"}}`;
  const entry = (name: string, address: string, revision: number) => ({
    key: `${PREFIX}/subnets/${name}`,
    value: value(address),
    revision,
    created: revision,
  });
  const records = new FlannelRecords(PREFIX, [entry('10.5.1.0-24', '192.0.2.9', 8), entry('10.5.2.0-24', '192.0.2.2', 5)]);
  t.deepEqual([...records.leases.keys()], ['10.5.2.0-24', '10.5.1.0-24']);
});
