import { parseObject, type Service, serviceAddresses } from '@weir/resources';
import test from 'ava';
import { admitPool } from './admission.ts';
import { admitService, removeService } from './service-address.ts';
import { FakeStore } from './testing/fake-store.ts';
import { configure, pool } from './testing/objects.ts';

const service = (name: string, spec: object = {}): Service =>
  parseObject({
    apiVersion: 'weir/v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop' },
    spec: { selector: 'all()', ports: [{ port: 80 }], ...spec },
  }) as Service;

const admit = async (store: FakeStore, object: Service, revision = 0) => {
  const admitted = await admitService(store, object, { revision });
  return { ...admitted, addresses: serviceAddresses(admitted.object) };
};

const records = async (store: FakeStore) => (await store.list('/weir/ipam/services/')).entries.map(({ key }) => key.split('/').at(-1));

test('addresses go by the name: the same in any store, and kept through changes', async (t) => {
  const [one, other] = [new FakeStore(), new FakeStore()];
  await admit(other, service('first'));
  const { addresses, revision } = await admit(one, service('web'));
  t.deepEqual(addresses, (await admit(other, service('web'))).addresses);
  t.regex(addresses.join(), /^11\.\d+\.\d+\.\d+,fd01:c::/);
  await configure(one, { serviceRanges: ['10.96.0.0/16'] });
  const changed = await admit(one, service('web', { ports: [{ port: 81 }] }), revision);
  t.deepEqual(changed.addresses, addresses, 'who uses it goes on using it');
  t.regex((await admit(one, service('new', { families: ['IPv4'] }))).addresses.join(), /^10\.96\./);
  await t.throwsAsync(admit(one, service('newer')), { code: 'ENOPOOL', message: /no service range has IPv6 addresses/ });
});

test('a small range is given to the last address, and each again once it is free', async (t) => {
  const store = new FakeStore();
  await configure(store, { serviceRanges: ['10.96.0.0/29'] });
  const given = new Map<string, string>();
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
    given.set(name, (await admit(store, service(name, { families: ['IPv4'] }))).addresses.join());
  }
  t.deepEqual([...given.values()].sort(), ['10.96.0.1', '10.96.0.2', '10.96.0.3', '10.96.0.4', '10.96.0.5', '10.96.0.6']);
  await t.throwsAsync(admit(store, service('g', { families: ['IPv4'] })), {
    code: 'EEXHAUSTED',
    message: /all 6 addresses of the service range/,
  });
  t.true(await removeService(store, { namespace: 'shop', name: 'c' }));
  t.false(await removeService(store, { namespace: 'shop', name: 'c' }));
  t.is((await admit(store, service('g', { families: ['IPv4'] }))).addresses.join(), given.get('c')!);
});

test('an address that is asked for may be shared as long as no port is', async (t) => {
  const store = new FakeStore();
  await admitPool(store, pool('containers', '10.1.0.0/16'));
  const asked = (name: string, port: object, address = '192.0.2.1') => admit(store, service(name, { ports: [port], addresses: [address] }));
  const { revision } = await asked('web', { port: 80 });
  await asked('tls', { port: 443 });
  await asked('dns', { port: 80, protocol: 'UDP' });
  await t.throwsAsync(asked('other', { port: 80 }), {
    code: 'ETAKEN',
    message: /TCP\/80 of 192\.0\.2\.1 is that of service shop\/web already/,
  });
  await t.throwsAsync(asked('other', { port: 80 }, '10.1.2.3'), { code: 'EREFUSED', message: /10\.1\.2\.3 is of pool "containers"/ });
  await admitPool(store, pool('eleven', '11.1.0.0/16'));
  await t.throwsAsync(admit(store, service('chosen')), {
    code: 'EOVERLAP',
    message: /the service range 11\.0\.0\.0\/8 overlaps pool "eleven"/,
  });
  await admit(store, service('web', { addresses: ['192.0.2.2'] }), revision);
  t.deepEqual(await records(store), ['192.0.2.1', '192.0.2.2']);
  await asked('other', { port: 80 });
  for (const name of ['web', 'tls', 'dns', 'other']) await removeService(store, { namespace: 'shop', name });
  t.deepEqual(await records(store), []);
});

// All hosts and containers would have sent to its backends what they have for that host: ssh, etcd, tunnels.
test('the address of a host is none for a service', async (t) => {
  const store = new FakeStore();
  const host = { apiVersion: 'weir/v1', kind: 'Host', metadata: { name: 'node-7' }, spec: { addresses: ['192.0.2.17', '2001:db8::17'] } };
  await store.transact({
    when: [],
    then: [
      { put: '/weir/v1/Host/node-7', value: JSON.stringify(host) },
      { put: '/weir/v1/Host/odd', value: '{' },
    ],
  });
  for (const address of host.spec.addresses)
    await t.throwsAsync(admit(store, service('web', { addresses: [address] })), {
      code: 'EREFUSED',
      message: /is the host "node-7", which would not be reached any more: choose one that nobody has$/,
    });
  await admit(store, service('web', { addresses: ['192.0.2.18'] }));
  t.deepEqual(await records(store), ['192.0.2.18']);
});

test('who comes at once gets another address, and nobody writes over a service that was changed meanwhile', async (t) => {
  const store = new FakeStore();
  await configure(store, { serviceRanges: ['10.96.0.0/28'] });
  const names = Array.from({ length: 14 }, (_, index) => `s${index}`);
  const given = await Promise.all(names.map(async (name) => (await admit(store, service(name, { families: ['IPv4'] }))).addresses.join()));
  t.is(new Set(given).size, names.length);
  await t.throwsAsync(admit(store, service('s0')), { code: 'ECONFLICT', message: /service shop\/s0 is not at revision 0/ });
  store.fault = () => 'lost answer';
  await t.throwsAsync(admit(store, service('lost', { addresses: ['192.0.2.9'] })), { code: 'EUNAVAILABLE' });
  store.fault = () => 'none';
  t.true(await removeService(store, { namespace: 'shop', name: 'lost' }), 'it was written, with its address');
  t.false((await records(store)).includes('192.0.2.9'));
});
