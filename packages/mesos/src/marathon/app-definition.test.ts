import test from 'ava';
import { readDefinition } from './app-definition.ts';

const labelsOf = (app: object) => Object.fromEntries(readDefinition(app).labels.map(({ key, value }) => [key, value]));

test('networks, container and labels of a new app; the labels of a network win', (t) => {
  const app = readDefinition({
    id: '/shop/web',
    instances: 2,
    labels: { tier: 'app', WEIR_POOL: 'gold' },
    networks: [{ mode: 'container', name: 'weir', labels: { tier: 'network', 'weir/pool': 'silver' } }],
    container: {
      portMappings: [
        { containerPort: 80, hostPort: 0, name: 'http' },
        { containerPort: 53, name: 'dns', protocol: 'udp,tcp' },
      ],
    },
  });
  t.deepEqual(app.networks, ['weir']);
  t.deepEqual(app.labels, [
    { key: 'tier', value: 'network' },
    { key: 'weir/pool', value: 'silver' },
  ]);
  t.is(app.namespace, 'shop');
  t.is(app.instances, 2);
  t.deepEqual(
    app.ports.map(({ name, port, protocol }) => `${name} ${port}/${protocol}`),
    ['http 80/TCP', 'dns 53/UDP', 'dns 53/TCP'],
  );
});

test('an app before Marathon 1.5, one of Docker, one with port definitions, and a pod', (t) => {
  const old = readDefinition({
    id: 'web',
    ipAddress: { networkName: 'weir', labels: { run: 'old' }, discovery: { ports: [{ number: 80, name: 'http', protocol: 'tcp' }] } },
  });
  t.like(old, { id: '/web', namespace: 'default', networks: ['weir'], ports: [{ name: 'http', port: 80 }] });
  t.deepEqual(old.labels, [{ key: 'run', value: 'old' }]);
  t.is(readDefinition({ id: '/d', container: { docker: { portMappings: [{ containerPort: 9, name: 'x' }] } } }).ports.length, 1);
  t.is(readDefinition({ id: '/p', portDefinitions: [{ port: 9000, name: 'admin' }] }).ports[0]?.port, 9000);
  const pod = readDefinition({
    id: '/shop/pod',
    scaling: { kind: 'fixed', instances: 3 },
    labels: { tier: 'pod' },
    networks: [{ mode: 'container', name: 'weir' }],
    containers: [
      { name: 'a', labels: { tier: 'a', of: 'a' }, endpoints: [{ name: 'http', containerPort: 80, protocol: ['tcp'] }] },
      { name: 'b' },
    ],
  });
  t.like(pod, { instances: 3, ports: [{ name: 'http', port: 80, protocol: 'TCP' }] });
  t.deepEqual(labelsOf({ id: '/x', labels: { tier: 'pod' }, containers: [{ labels: { tier: 'a' } }] }), { tier: 'pod' });
});

test('ports with their labels, in every form', (t) => {
  const port = { name: 'http', labels: { VIP_0: '/web:80' } };
  const seen = { name: 'http', protocols: ['TCP'], port: 80, labels: [{ key: 'VIP_0', value: '/web:80' }] };
  const forms: object[] = [
    { container: { portMappings: [{ ...port, containerPort: 80 }] } },
    { container: { docker: { portMappings: [{ ...port, containerPort: 80, protocol: 'tcp' }] } } },
    { portDefinitions: [{ ...port, port: 80 }] },
    { ipAddress: { discovery: { ports: [{ ...port, number: 80, protocol: 'tcp' }] } } },
    { containers: [{ name: 'a', endpoints: [{ ...port, containerPort: 80, protocol: ['tcp'] }] }] },
  ];
  for (const form of forms) t.deepEqual(readDefinition({ id: '/a', ...form }).portDefinitions, [seen] as never, JSON.stringify(form));
  const both = { id: '/a', container: { portMappings: [{ containerPort: 53, hostPort: 0, protocol: 'udp,tcp' }] } };
  t.deepEqual(readDefinition(both).portDefinitions, [{ protocols: ['UDP', 'TCP'], port: 53, hostPort: 0, labels: [] }]);
});
