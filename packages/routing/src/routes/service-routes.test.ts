import { parseObject, type Service } from '@weir/resources';
import test from 'ava';
import { serviceRoutes } from './service-routes.ts';

const service = (addresses: string[]): Service => ({
  ...(parseObject({
    apiVersion: 'weir/v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { selector: 'all()', ports: [{ port: 80 }] },
  }) as Service),
  status: { addresses },
});
const ranges = ['11.0.0.0/8', 'fd01:c::/64'];
const sources = [
  { address: '192.0.2.1', link: 2 },
  { address: '2001:db8::1', link: 3 },
];

test('a range in use has a route by the link of the own address of its family', (t) => {
  t.deepEqual(
    serviceRoutes({ services: [service(['11.0.0.1', 'fd01:c::1'])], ranges, sources }).map(({ destination, link, source }) => [
      destination,
      link,
      source,
    ]),
    [
      ['11.0.0.0/8', 2, '192.0.2.1'],
      ['fd01:c::/64', 3, '2001:db8::1'],
    ],
  );
});

test('none where no service has an address of it, or the host none of its family', (t) => {
  t.deepEqual(serviceRoutes({ services: [], ranges, sources }), []);
  t.deepEqual(serviceRoutes({ services: [service(['192.0.2.77'])], ranges, sources }), []);
  t.is(serviceRoutes({ services: [service(['11.0.0.1', 'fd01:c::1'])], ranges, sources: sources.slice(0, 1) }).length, 1);
});
