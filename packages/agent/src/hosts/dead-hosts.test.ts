import { ObjectStore } from '@weir/datastore';
import { temporaryStore } from '@weir/datastore/testing';
import { Allocator, admitPool } from '@weir/ipam';
import { type Block, type Pool, parseObject, presenceKey } from '@weir/resources';
import test from 'ava';
import { openLog } from '../log.ts';
import { DeadHosts, reclaimable } from './dead-hosts.ts';

const block = (cidr: string, host: string, holders: string[] = []): Block =>
  parseObject({
    apiVersion: 'weir/v1',
    kind: 'Block',
    metadata: { name: cidr.replace('/', '-') },
    spec: {
      cidr,
      pool: 'p',
      host,
      allocations: Object.fromEntries(
        holders.map((holder, index) => [
          cidr.replace(/\d+\/\d+$/, String(index)),
          { containerId: 'c', interfaceName: 'eth0', host: holder },
        ]),
      ),
    },
  }) as Block;

const seen = (blocks: Block[], more: object = {}) => ({
  self: 'me',
  blocks,
  present: new Set(['me', 'alive']),
  known: new Set(['me', 'alive', 'silent']),
  withEndpoints: new Set<string>(),
  ...more,
});

test('a silent host gives back empty blocks; what it holds only when its Host object and its endpoints are gone', (t) => {
  const blocks = [block('10.0.0.0/30', 'silent'), block('10.0.1.0/30', 'silent', ['silent'])];
  t.deepEqual(reclaimable(seen(blocks)), [{ host: 'silent', all: false }]);
  t.deepEqual(reclaimable(seen(blocks.slice(1))), [], 'its containers may be alive');
  const deleted = { known: new Set(['me', 'alive']) };
  t.deepEqual(reclaimable(seen(blocks, deleted)), [{ host: 'silent', all: true }]);
  t.deepEqual(reclaimable(seen(blocks, { ...deleted, withEndpoints: new Set(['silent']) })), [{ host: 'silent', all: false }]);
});

test('nothing is taken from this host, or from one that lives; what a gone host borrowed comes back too', (t) => {
  t.deepEqual(reclaimable(seen([block('10.0.0.0/30', 'me'), block('10.0.1.0/30', 'alive')], { known: new Set() })), []);
  t.deepEqual(reclaimable(seen([block('10.0.1.0/30', 'alive', ['alive', 'lost'])])), [{ host: 'lost', all: true }]);
});

test('a host that was silent for as long as IpamConfig says is cleared, one that shows up again is not', async (t) => {
  const { store } = await temporaryStore(t);
  const objects = new ObjectStore(store);
  const blocks = async () => (await objects.list('Block')).objects.map(({ object }) => object);
  await admitPool(
    store,
    parseObject({ apiVersion: 'weir/v1', kind: 'Pool', metadata: { name: 'p' }, spec: { cidr: '10.0.0.0/24' } }) as Pool,
  );
  await objects.put(
    parseObject({ apiVersion: 'weir/v1', kind: 'IpamConfig', metadata: { name: 'default' }, spec: { deadHostSeconds: 20 } }),
  );
  await new Allocator({ store, host: 'gone' }).allocate({ containerId: 'c', interfaceName: 'eth0', network: 'weir' });
  let known = await blocks();
  const deadHosts = new DeadHosts({
    store,
    objects,
    log: openLog({ host: 'me', level: 'silent' }),
    see: () => ({ self: 'me', blocks: known, known: new Set(), withEndpoints: new Set() }),
  });
  const sign = (there: boolean) =>
    store.transact({ when: [], then: [there ? { put: presenceKey('gone'), value: '{}' } : { delete: presenceKey('gone') }] });

  await deadHosts.reclaim(0);
  await deadHosts.reclaim(19_999);
  t.is((await blocks()).length, 1);
  await sign(true);
  await deadHosts.reclaim(20_000);
  t.is((await blocks()).length, 1, 'it lives');
  await sign(false);
  await deadHosts.reclaim(30_000);
  await deadHosts.reclaim(49_999);
  t.is((await blocks()).length, 1, 'the time begins anew');
  await deadHosts.reclaim(50_000);
  known = await blocks();
  t.deepEqual(known, []);
});
