import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AnyObject, keyOf, parseObject } from '@weir/resources';
import test from 'ava';
import fc from 'fast-check';
import { Zone } from './zone.ts';
import { ZoneFile } from './zone-file.ts';

interface EndpointFacts {
  id: string;
  namespace?: string;
  app?: string;
  label?: string;
  addresses?: string[];
  healthy?: boolean;
  ports?: { name: string; protocol: 'TCP' | 'UDP'; port: number }[];
  more?: Record<string, unknown>;
}

function endpoint({ id, namespace = 'shop', app, label, addresses = ['10.0.0.1'], healthy, ports, more }: EndpointFacts): AnyObject {
  return parseObject({
    apiVersion: 'weir/v1',
    kind: 'Endpoint',
    metadata: { name: `${id}-eth0`, namespace, labels: label === undefined ? {} : { app: label } },
    spec: {
      ...{ host: 'h1', containerId: id, network: 'weir', interfaceName: 'eth0', hostInterface: `weir${id}`, addresses, ports },
      ...((app !== undefined || healthy !== undefined) && { mesos: { app, healthy } }),
      ...more,
    },
  });
}

function service(name: string, addresses: readonly string[], ports: object[] = [{ name: 'http', port: 80 }]): AnyObject {
  const spec = { selector: 'all()', ports };
  return parseObject({ apiVersion: 'weir/v1', kind: 'Service', metadata: { name, namespace: 'shop' }, spec, status: { addresses } });
}

const put = (zone: Zone, ...objects: AnyObject[]) => {
  for (const object of objects) zone.learn({ key: keyOf(object), after: object });
};
const remove = (zone: Zone, object: AnyObject) => zone.learn({ key: keyOf(object) });

test('aliases that the runtime asked for are names in the namespace, in any case, and those that DNS cannot hold are none', (t) => {
  const zone = new Zone();
  const one = endpoint({ id: 'a', app: '/shop/db', more: { aliases: ['Primary-DB', 'db', 'a b', 'x'.repeat(64)] } });
  put(zone, one, endpoint({ id: 'b', addresses: ['10.0.0.2'], more: { aliases: ['primary-db'] } }));
  t.deepEqual(zone.find('primary-db.shop.weir')?.addresses, ['10.0.0.1', '10.0.0.2']);
  t.deepEqual(zone.find('db.shop.weir')?.addresses, ['10.0.0.1'], 'once, though it is the app’s name too');
  t.is(zone.find('a b.shop.weir'), undefined);
  t.is(zone.nameOf('10.0.0.1'), '10-0-0-1.shop.weir');
  remove(zone, one);
  t.deepEqual(zone.find('primary-db.shop.weir')?.addresses, ['10.0.0.2']);
  t.is(zone.find('db.shop.weir'), undefined);
});

test('an app of Marathon has the names that Marathon, Mesos-DNS and its namespace give it', (t) => {
  const zone = new Zone();
  put(
    zone,
    endpoint({ id: 'a', app: '/shop/back/db', addresses: ['10.0.0.1', 'fd00::1'] }),
    endpoint({ id: 'b', app: '/shop/back/db', addresses: ['10.0.0.2'] }),
  );
  for (const name of ['db.back.shop.marathon.weir', 'db-back-shop.marathon.weir', 'db.back.shop.weir', 'db-back.shop.weir']) {
    t.deepEqual(zone.find(name)?.addresses, ['10.0.0.1', 'fd00::1', '10.0.0.2'], name);
  }
  t.deepEqual(zone.find('10-0-0-1.shop.weir')?.addresses, ['10.0.0.1', 'fd00::1'], 'each of them alone, too');
  for (const above of ['back.shop.marathon.weir', 'shop.marathon.weir', 'marathon.weir', 'back.shop.weir', 'shop.weir', 'weir']) {
    t.deepEqual(zone.find(above), { addresses: [], services: [] }, `${above} has nothing but names below it`);
  }
  t.is(zone.find('db.shop.weir'), undefined);
  t.is(zone.find('other.weir'), undefined);
});

test('of an app in another namespace than its path says, the whole path counts there', (t) => {
  const zone = new Zone();
  put(zone, endpoint({ id: 'a', namespace: 'blue', app: '/shop/web' }));
  t.truthy(zone.find('web.shop.marathon.weir'));
  t.truthy(zone.find('web-shop.blue.weir'));
  t.is(zone.find('web.blue.weir'), undefined);
});

test('without an app the label "app" gives the name, and what no DNS name can hold gives none', (t) => {
  const zone = new Zone();
  put(
    zone,
    endpoint({ id: 'a', label: 'Web' }),
    endpoint({ id: 'b', app: `/${'x'.repeat(40)}/${'y'.repeat(40)}`, addresses: ['10.0.0.2'] }),
  );
  t.truthy(zone.find('web.shop.weir'));
  t.truthy(zone.find(`${'y'.repeat(40)}.${'x'.repeat(40)}.marathon.weir`));
  t.is(zone.find(`${'y'.repeat(40)}-${'x'.repeat(40)}.marathon.weir`), undefined, 'a label of more than 63 characters');
});

test('what is not ready has its names and no addresses; what is awaited or of another address space has no names', (t) => {
  const zone = new Zone();
  put(zone, endpoint({ id: 'a', app: '/shop/web', healthy: false, ports: [{ name: 'http', protocol: 'TCP', port: 80 }] }));
  t.deepEqual(zone.find('web.shop.weir'), { addresses: [], services: [] });
  t.deepEqual(zone.find('_http._tcp.web.shop.weir'), { addresses: [], services: [] });
  t.is(zone.nameOf('10.0.0.1'), '10-0-0-1.shop.weir', 'whose address it is does not depend on that');
  put(zone, endpoint({ id: 'a', app: '/shop/web', healthy: true }));
  t.deepEqual(zone.find('web.shop.weir')?.addresses, ['10.0.0.1']);
  put(zone, endpoint({ id: 'a', app: '/shop/web', more: { waitsForLabels: true } }));
  t.is(zone.find('web.shop.weir'), undefined);
  put(zone, endpoint({ id: 'a', app: '/shop/web', more: { addressSpace: 'Own' } }));
  t.is(zone.find('web.shop.weir'), undefined);
  t.is(zone.find('shop.weir'), undefined);
});

test('a service stands before the app of its name, and gives it back', (t) => {
  const zone = new Zone();
  const web = service('web', ['11.0.0.1', 'fd01::1']);
  put(zone, web, endpoint({ id: 'a', app: '/shop/web', ports: [{ name: 'http', protocol: 'TCP', port: 8080 }] }));
  t.deepEqual(zone.find('web.shop.weir')?.addresses, ['11.0.0.1', 'fd01::1']);
  t.deepEqual(zone.find('web.shop.marathon.weir')?.addresses, ['10.0.0.1'], 'Marathon knows of no service');
  t.like(zone.find('_http._tcp.web.shop.weir')?.services, [{ target: 'web.shop.weir', port: 80 }]);
  t.is(zone.nameOf('11.0.0.1'), 'web.shop.weir');
  remove(zone, web);
  t.deepEqual(zone.find('web.shop.weir')?.addresses, ['10.0.0.1']);
  t.is(zone.nameOf('11.0.0.1'), undefined);
});

test('ports are found by name and by number, as RFC 2782 and as Mesos-DNS has them', (t) => {
  const zone = new Zone();
  const ports = [
    { name: 'http', protocol: 'TCP' as const, port: 80 },
    { name: 'stats', protocol: 'UDP' as const, port: 8125 },
  ];
  put(zone, endpoint({ id: 'a', app: '/shop/web', ports }), endpoint({ id: 'b', app: '/shop/web', addresses: ['10.0.0.2'], ports }));
  const http = ['10-0-0-1', '10-0-0-2'].map((name, index) => ({
    target: `${name}.shop.weir`,
    port: 80,
    addresses: [`10.0.0.${index + 1}`],
  }));
  for (const name of [
    '_http._tcp.web.shop.weir',
    '_80._tcp.web.shop.weir',
    '_http._tcp.web-shop.marathon.weir',
    '_http._web-shop._tcp.marathon.weir',
    '_web-shop._tcp.marathon.weir',
  ]) {
    t.deepEqual(zone.find(name)?.services, http, name);
  }
  t.deepEqual(
    zone.find('_web-shop._udp.marathon.weir')?.services.map(({ port }) => port),
    [8125, 8125],
  );
  for (const above of ['_tcp.web.shop.weir', '_tcp.marathon.weir']) t.deepEqual(zone.find(above), { addresses: [], services: [] });
  for (const name of [
    '_http._udp.web.shop.weir',
    '_ftp._tcp.web.shop.weir',
    '_http._tcp.nope.shop.weir',
    '_tcp.nope.shop.weir',
    '_http.web.shop.weir',
  ]) {
    t.is(zone.find(name), undefined, name);
  }
});

test('the serial number changes with what is told, and with nothing else', (t) => {
  const zone = new Zone();
  put(zone, endpoint({ id: 'a', app: '/shop/web' }));
  const { serial } = zone;
  put(zone, endpoint({ id: 'a', app: '/shop/web', more: { mac: '02:00:00:00:00:01' } }));
  t.is(zone.serial, serial);
  put(zone, endpoint({ id: 'a', app: '/shop/web', healthy: false }));
  t.is(zone.serial, serial + 1);
});

test('what was recalled is there until all is known, and what was learnt is the truth', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-zone-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'zone.json');
  const before = new Zone();
  const [stays, moves, goes] = ['a', 'b', 'c'].map((id, index) => endpoint({ id, app: `/shop/${id}`, addresses: [`10.0.0.${index + 1}`] }));
  put(before, stays!, moves!, goes!, service('web', ['11.0.0.1'], [{ port: 80 }]));
  new ZoneFile(path, before).save();
  const after = new Zone();
  t.true(new ZoneFile(path, after).load());
  for (const name of ['a', 'b', 'c', 'web']) t.deepEqual(after.find(`${name}.shop.weir`), before.find(`${name}.shop.weir`));
  put(after, stays!, endpoint({ id: 'b', app: '/shop/b', addresses: ['10.0.0.9'] }));
  t.deepEqual(after.find('b.shop.weir')?.addresses, ['10.0.0.9']);
  t.truthy(after.find('c.shop.weir'));
  after.forgetUnconfirmed();
  t.truthy(after.find('a.shop.weir'));
  for (const name of ['c.shop.weir', 'web.shop.weir']) t.is(after.find(name), undefined);
  t.is(after.nameOf('10.0.0.3'), undefined);
  writeFileSync(path, '[["a"]]');
  t.false(new ZoneFile(path, new Zone()).load());
});

test('whatever came and went, the zone is as if only what is there had ever come', (t) => {
  const facts = fc.record({
    id: fc.constantFrom('a', 'b', 'c', 'd'),
    namespace: fc.constantFrom('shop', 'blue'),
    app: fc.constantFrom(undefined, '/shop/web', '/shop/web/db', '/shop', '/blue/web.db', '/web'),
    addresses: fc.uniqueArray(fc.constantFrom('10.0.0.1', '10.0.0.2', 'fd00::1'), { maxLength: 2 }),
    healthy: fc.constantFrom(undefined, true, false),
  });
  const change = fc.oneof(
    facts.map((of) => ({ key: of.id, after: endpoint(of) })),
    fc.constantFrom('a', 'b', 'c', 'd', 'service').map((key) => ({ key })),
    fc.constantFrom([], ['11.0.0.1']).map((addresses) => ({ key: 'service', after: service('web', addresses) })),
  );
  const labels = ['web', 'db', 'shop', 'blue', 'marathon', '10-0-0-1', 'fd00--1'];
  const names = [1, 2, 3, 4].flatMap((depth) =>
    Array.from({ length: depth }).reduce<string[]>((all) => all.flatMap((rest) => labels.map((label) => `${label}.${rest}`)), ['weir']),
  );
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
      const lived = new Zone();
      const last = new Map<string, AnyObject | undefined>();
      for (const { key, after } of changes as { key: string; after?: AnyObject }[]) {
        lived.learn({ key, ...(after && { after }) });
        last.delete(key);
        last.set(key, after);
      }
      const fresh = new Zone();
      for (const [key, after] of last) fresh.learn({ key, ...(after && { after }) });
      for (const name of names) {
        const [got, wanted] = [lived.find(name), fresh.find(name)];
        t.deepEqual(
          got && { ...got, addresses: got.addresses.toSorted() },
          wanted && { ...wanted, addresses: wanted.addresses.toSorted() },
          name,
        );
        if (got !== undefined) t.truthy(lived.find(name.slice(name.indexOf('.') + 1)), `what is above ${name} is there`);
      }
    }),
    { numRuns: 60 },
  );
});
