import type { Endpoint, MesosFacts } from '@weir/resources';
import test from 'ava';
import { UnknownContainers } from './unknown-containers.ts';

const endpoint = (containerId: string, mesos: MesosFacts | undefined = { task: 't' }): Endpoint => ({
  apiVersion: 'weir/v1',
  kind: 'Endpoint',
  metadata: { name: `${containerId}-eth0`, namespace: 'default', labels: {}, annotations: {} },
  spec: {
    host: 'h1',
    containerId,
    interfaceName: 'eth0',
    network: 'weir',
    hostInterface: 'weira',
    addresses: [],
    ports: [],
    ...(mesos && { mesos }),
  },
});
const ids = (endpoints: Endpoint[]) => endpoints.map(({ spec }) => spec.containerId);

test('what the Mesos agent knew and denies for the whole grace time is due', (t) => {
  const unknown = new UnknownContainers({ graceSeconds: 10 });
  const all = [endpoint('gone'), endpoint('there'), endpoint('there.child')];
  const known = new Set(['there']);
  t.deepEqual(unknown.overdue(all, known, 0), []);
  t.deepEqual(unknown.overdue(all, known, 9_999), []);
  t.deepEqual(ids(unknown.overdue(all, known, 10_000)), ['gone']);
});

test('it counts anew when the container was seen in between, and after an outage', (t) => {
  const unknown = new UnknownContainers({ graceSeconds: 10 });
  const all = [endpoint('c')];
  unknown.overdue(all, new Set(), 0);
  unknown.overdue(all, new Set(['c']), 5_000);
  t.deepEqual(unknown.overdue(all, new Set(), 12_000), []);
  unknown.forget();
  t.deepEqual(unknown.overdue(all, new Set(), 40_000), []);
  t.deepEqual(ids(unknown.overdue(all, new Set(), 50_000)), ['c']);
});

test('containers of other runtimes, and those that the Mesos agent never told of, are not due', (t) => {
  const unknown = new UnknownContainers({ graceSeconds: 10 });
  const { mesos: _, ...spec } = endpoint('podman').spec;
  const all = [{ ...endpoint('podman'), spec }, endpoint('hidden', {})];
  unknown.overdue(all, new Set(), 0);
  t.deepEqual(unknown.overdue(all, new Set(), 1e9), []);
});
