import { type Endpoint, parseObject, WARNINGS_ANNOTATION } from '@weir/resources';
import test from 'ava';
import { joinTask } from './join-task.ts';
import type { Task } from './task.ts';

const endpoint = (more: object = {}, labels: object = { run: 'network' }) =>
  parseObject({
    apiVersion: 'weir/v1',
    kind: 'Endpoint',
    metadata: { name: 'c1-eth0', labels },
    spec: {
      host: 'h1',
      containerId: 'c1',
      interfaceName: 'eth0',
      network: 'weir',
      hostInterface: 'weira',
      addresses: ['10.0.0.1'],
      mesos: {},
      ...more,
    },
  }) as Endpoint;

const task: Task = {
  labels: [
    { key: 'run', value: 'app' },
    { key: 'team/x', value: 'a b' },
  ],
  identity: { 'weir/app': '/shop/web' },
  namespace: 'shop',
  ports: [
    { name: 'http', protocol: 'TCP', port: 31000, onHost: true },
    { name: 'admin', protocol: 'TCP', port: 9000 },
    { name: 'other', protocol: 'TCP', port: 31001, onHost: true },
  ],
  facts: { task: 't1', app: '/shop/web' },
  warnings: [],
};

test('an endpoint that waited opens with the labels, the ports and the namespace of its task', (t) => {
  const hostPorts = [{ hostPort: 31000, containerPort: 80, protocol: 'TCP' }];
  const joined = joinTask(endpoint({ waitsForLabels: true, hostPorts }), task);
  t.deepEqual(joined.metadata.labels, { run: 'network', 'team.x': 'a-b', 'weir/app': '/shop/web' });
  t.is(joined.metadata.namespace, 'shop');
  t.false('waitsForLabels' in joined.spec);
  t.deepEqual(joined.spec.ports, [
    { name: 'http', protocol: 'TCP', port: 80 },
    { name: 'admin', protocol: 'TCP', port: 9000 },
  ]);
  t.deepEqual(joined.spec.mesos, { task: 't1', app: '/shop/web' });
  t.deepEqual(joined.metadata.annotations, {});
});

test("the network's namespace stays, whatever the app says", (t) => {
  const given = endpoint({ mesos: { namespaceGiven: true } });
  t.is(joinTask(given, { ...task, labels: [{ key: 'weir/namespace', value: 'elsewhere' }] }).metadata.namespace, 'default');
});

test('labels of any size come in, or are left out and told; those that are about the address came too late', (t) => {
  const labels = [
    { key: 'HAPROXY_0_BACKEND', value: 'x'.repeat(100_000) },
    { key: 'y'.repeat(100_000), value: '' },
    { key: '', value: 'x' },
    { key: '__proto__', value: 'x' },
    { key: 'weir/ip', value: '10.0.0.9' },
  ];
  const joined = joinTask(endpoint({}, {}), { ...task, labels });
  t.deepEqual(joined.metadata.labels, { 'weir/app': '/shop/web' });
  const told = joined.metadata.annotations[WARNINGS_ANNOTATION]!.split('\n');
  t.is(told.length, 4);
  t.regex(told[0]!, /^label "HAPROXY_0_BACKEND": left out, no label of up to 512 characters: it has 100000/);
  t.regex(told[3]!, /^weir\/ip: came too late, the container has 10\.0\.0\.1/);
  t.true(told.every((line) => line.length < 200));
});
