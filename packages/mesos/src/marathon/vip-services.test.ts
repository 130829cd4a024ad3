import type { Service } from '@weir/resources';
import test from 'ava';
import { readDefinition } from './app-definition.ts';
import { planApps } from './app-plan.ts';
import { vipServices } from './vip-services.ts';

const NETWORKS = [{ mode: 'container', name: 'weir' }];
const app = (id: string, portMappings: object[], more: object = {}) => ({ id, networks: NETWORKS, container: { portMappings }, ...more });
const made = (...apps: object[]) => vipServices(apps.map(readDefinition));
const brief = ({ metadata, spec }: Service) => ({
  name: `${metadata.namespace}/${metadata.name}`,
  selector: spec.selector,
  ports: spec.ports.map(({ protocol, port, targetPort }) => `${protocol} ${port}->${targetPort}`).join(', '),
  ...(spec.addresses && { addresses: spec.addresses.join() }),
});

test('VIP labels of ports, by name and by address', (t) => {
  const web = app('/shop/web', [
    { containerPort: 8000, labels: { VIP_0: '/web:80', VIP_1: '192.0.2.7:8080' } },
    { containerPort: 53, protocol: 'udp,tcp', labels: { vip_2: '/Shop_DNS/:53' } },
    { containerPort: 9, labels: { other: '/no:1' } },
  ]);
  const { services, faults } = made(web);
  t.deepEqual(services.map(brief), [
    { name: 'shop/web', selector: "weir/app == '/shop/web'", ports: 'TCP 80->8000' },
    { name: 'shop/vip-192.0.2.7', selector: "weir/app == '/shop/web'", ports: 'TCP 8080->8000', addresses: '192.0.2.7' },
    { name: 'shop/shop-dns', selector: "weir/app == '/shop/web'", ports: 'UDP 53->53, TCP 53->53' },
  ]);
  t.is(faults.size, 0);
  t.deepEqual(services[0]!.metadata.labels, { 'weir/owner': 'marathon' });
});

test('the old form, among the labels of the app, is of its port of that number', (t) => {
  const old = {
    id: '/shop/db',
    labels: { vip_port1: 'tcp://db:5432', vip_port7: 'tcp://db:1', vip_port0: 'db:5432' },
    ipAddress: {
      networkName: 'weir',
      discovery: {
        ports: [
          { number: 1, name: 'admin' },
          { number: 5432, name: 'sql' },
        ],
      },
    },
  };
  const { services, faults } = made(old);
  t.deepEqual(services.map(brief), [{ name: 'shop/db', selector: "weir/app == '/shop/db'", ports: 'TCP 5432->5432' }]);
  t.deepEqual(faults.get('/shop/db')!.sort(), [
    'vip_port0: "db:5432" is neither tcp://name:port nor udp://name:port',
    'vip_port7: the app has no port number 7, counted from 0',
  ]);
});

test('apps of one namespace that say one name are behind one service, in whatever order they come', (t) => {
  const [blue, green] = ['blue', 'green'].map((name, at) =>
    app(`/shop/${name}`, [{ containerPort: 8000 + at, name: 'http', labels: { VIP_0: '/web:80' } }]),
  );
  const other = app('/other/web', [{ containerPort: 8000, labels: { VIP_0: '/web:80' } }]);
  for (const order of [
    [blue!, green!, other],
    [other, green!, blue!],
  ]) {
    const { services, faults } = made(...order);
    t.is(faults.size, 0);
    t.deepEqual(
      services.map(brief).sort((left, right) => (left.name < right.name ? -1 : 1)),
      [
        { name: 'other/web', selector: "weir/app == '/other/web'", ports: 'TCP 80->8000' },
        { name: 'shop/web', selector: "weir/app in { '/shop/blue', '/shop/green' }", ports: 'TCP 80->http' },
      ],
    );
  }
});

test('what cannot be followed is told of the app and its label, and the rest is', (t) => {
  const faultsOf = (...apps: object[]) => Object.fromEntries(made(...apps).faults);
  t.deepEqual(faultsOf(app('/a', [{ containerPort: 80, labels: { VIP_0: 'web' } }])), {
    '/a': ['VIP_0: "web" is neither "/name:port" nor "address:port"'],
  });
  t.deepEqual(faultsOf(app('/a', [{ containerPort: 80, labels: { VIP_0: '/web:0' } }])), {
    '/a': ['VIP_0: "/web:0" is neither "/name:port" nor "address:port"'],
  });
  t.deepEqual(faultsOf(app('/a', [{ containerPort: 0, labels: { VIP_0: '/web:80' } }])), {
    '/a': ['VIP_0: the port has neither a number nor a name in the container, so nothing can lead there'],
  });
  t.regex(faultsOf(app('/a', [{ containerPort: 80, labels: { VIP_0: '/ä:80' } }]))['/a']![0]!, /"\/ä" is no name/);
  t.regex(
    faultsOf(app('/a', [{ containerPort: 80, labels: { VIP_0: '127.0.0.1:80' } }]))['/a']![0]!,
    /"127\.0\.0\.1" is no address that a host could route/,
  );
  t.regex(
    faultsOf({ ...app('/a', [{ containerPort: 80, labels: { VIP_0: '/web:80' } }]), networks: [] })['/a']![0]!,
    /joins no network of containers/,
  );
  const clash = [1, 2].map((at) => app(`/s/a${at}`, [{ containerPort: at, labels: { VIP_0: '/web:80' } }]));
  t.deepEqual(faultsOf(...clash), {
    '/s/a2': ['VIP_0: 80 leads to port 1 of /s/a1, and here to 2: give both ports one name or one containerPort'],
  });
  t.is(brief(made(...clash).services[0]!).selector, "weir/app == '/s/a1'");
});

test('a plan of all apps has their services, and the faults beside others', (t) => {
  const plan = planApps([
    app('/shop/web', [{ containerPort: 80, labels: { VIP_0: '/web:80' } }]),
    app('/bad', [{ containerPort: 80, labels: { VIP_0: '' } }]),
    { id: 'Ä' },
  ]);
  t.deepEqual(
    plan.services.map(({ metadata }) => metadata.name),
    ['web'],
  );
  t.deepEqual([...plan.faults.keys()].sort(), ['/bad', '/Ä']);
});
