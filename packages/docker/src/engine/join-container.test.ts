import { type Endpoint, parseObject, WARNINGS_ANNOTATION } from '@weir/resources';
import test from 'ava';
import type { DockerContainer } from './container.ts';
import { joinContainer } from './join-container.ts';

const endpoint = (docker: object = {}, labels: object = {}) =>
  parseObject({
    apiVersion: 'weir/v1',
    kind: 'Endpoint',
    metadata: { name: 'e', labels },
    spec: {
      host: 'h1',
      containerId: 'docker-h1-024200000001',
      interfaceName: 'eth0',
      network: 'shop',
      hostInterface: 'weira',
      addresses: ['10.0.0.1'],
      docker: { endpoint: 'e1', network: 'n1', ...docker },
      waitsForLabels: true,
    },
  }) as Endpoint;

const container = (labels: Record<string, string> = {}, more: Partial<DockerContainer> = {}): DockerContainer => ({
  id: 'c1',
  name: 'web',
  labels,
  imageLabels: {},
  ...more,
});

const join = (one: DockerContainer, to = endpoint()) => joinContainer(to, one, { asksMesos: true });

test('a container opens with its labels, in the namespace that they say; what its network said stays', (t) => {
  const { metadata, spec } = join(
    container({ 'com.docker.compose.service': 'web', tier: 'b', WEIR_NAMESPACE: 'shop' }),
    endpoint({}, { tier: 'a' }),
  );
  t.deepEqual(metadata.labels, { 'com.docker.compose.service': 'web', tier: 'a' });
  t.is(metadata.namespace, 'shop');
  t.false('waitsForLabels' in spec);
  t.deepEqual(spec.docker, { endpoint: 'e1', network: 'n1', container: 'c1', name: 'web' });
  t.is(join(container({ 'weir/namespace': 'other' }), endpoint({ namespaceGiven: true })).metadata.namespace, 'default');
});

test("labels as Calico's driver has them are taken by the name behind its prefix", (t) => {
  t.deepEqual(join(container({ 'org.projectcalico.label.role': 'db' })).metadata.labels, { role: 'db' });
});

// Who builds an image would say otherwise whom it may talk to, and in which namespace it is.
test('labels of the image count for nothing', (t) => {
  const labels = { role: 'db', 'weir/namespace': 'payments', app: 'mine' };
  const { metadata } = join(container(labels, { imageLabels: { role: 'db', 'weir/namespace': 'payments', app: 'theirs' } }));
  t.deepEqual(metadata.labels, { app: 'mine' });
  t.is(metadata.namespace, 'default');
});

test('what a label cannot do for Docker is told', (t) => {
  const { metadata } = join(container({ 'weir/ip': '10.0.0.9', 'weir/policy': 'allow from all', 'weir/namespase': 'x' }));
  const told = metadata.annotations[WARNINGS_ANNOTATION]!;
  for (const words of ['weir/ip: came too late', 'weir/policy: not followed', 'did you mean weir/namespace?'])
    t.true(told.includes(words), told);
});

const ID = '3f9c2a10-54f2-4d0b-8f6e-0c6f4c1d2e3f';

for (const name of [`mesos-${ID}`, `mesos-${ID}.executor`, `mesos-0b1c-S3.${ID}`, `mesos-0b1c-S3.${ID}.executor`]) {
  test(`${name} waits for the labels of its app`, (t) => {
    const { metadata, spec } = join(container({ role: 'db' }, { name }));
    t.deepEqual(spec.mesos, { container: ID });
    t.true(spec.waitsForLabels);
    t.deepEqual(metadata.labels, {});
  });
}

test('where nobody asks Mesos, a task has the labels that Docker knows, and that is told', (t) => {
  const { metadata, spec } = joinContainer(endpoint(), container({ role: 'db' }, { name: `mesos-${ID}` }), { asksMesos: false });
  t.false('waitsForLabels' in spec);
  t.deepEqual(metadata.labels, { role: 'db' });
  t.true(metadata.annotations[WARNINGS_ANNOTATION]!.includes('no section mesos'));
});

test('a container that only looks like one of Mesos is none', (t) => {
  for (const name of ['mesos-agent', `x-mesos-${ID}`, `mesos-${ID}-2`]) t.is(join(container({}, { name })).spec.mesos, undefined);
});
