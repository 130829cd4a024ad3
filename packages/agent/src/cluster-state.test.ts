import { type Endpoint, type Host, keyOf, type Namespace } from '@weir/resources';
import test from 'ava';
import { ClusterState } from './cluster-state.ts';

const namespace = (defaultAction: 'Allow' | 'Deny'): Namespace => ({
  apiVersion: 'weir/v1',
  kind: 'Namespace',
  metadata: { name: 'shop', labels: {}, annotations: {} },
  spec: { defaultAction },
});
const key = keyOf(namespace('Allow'));

function watched() {
  const told: (string | undefined)[] = [];
  const state = new ClusterState('h1', ({ after }) => told.push((after as Namespace | undefined)?.spec.defaultAction));
  return { state, told };
}

test('what is known already is not told again', (t) => {
  const { state, told } = watched();
  state.put(namespace('Deny'), 5);
  state.put(namespace('Deny'), 5);
  state.put(namespace('Allow'), 4);
  t.deepEqual(told, ['Deny']);
});

test('a put that is late does not bring back what was deleted', (t) => {
  const { state, told } = watched();
  state.put(namespace('Deny'), 5);
  state.remove(key, 6);
  state.put(namespace('Deny'), 5);
  t.deepEqual(told, ['Deny', undefined]);
  t.deepEqual([...state.list('Namespace')], []);
});

test('a deletion that comes before the put it deletes wins', (t) => {
  const { state, told } = watched();
  state.remove(key, 6);
  state.put(namespace('Deny'), 5);
  t.deepEqual(told, []);
});

test('of another history all that is told is taken, and what is not told is gone, whatever its revision was', (t) => {
  const { state, told } = watched();
  const own = { ...namespace('Deny'), metadata: { ...namespace('Deny').metadata, name: 'own' } };
  state.put(namespace('Deny'), 1000);
  state.put(own, 1001);
  state.remove(keyOf({ kind: 'Namespace', metadata: { name: 'back' } }), 1002);
  state.doubtAll();
  state.put(namespace('Allow'), 7);
  state.put({ ...own, metadata: { ...own.metadata, name: 'back' } }, 8);
  state.dropUntold();
  t.deepEqual(told, ['Deny', 'Deny', 'Allow', 'Deny', undefined]);
  t.deepEqual(Array.from(state.list('Namespace'), ({ metadata }) => metadata.name).sort(), ['back', 'shop']);
  state.put(own, 3);
  t.is(told.at(-1), 'Deny', 'and what comes later is judged by the revisions of that history');
});

test('deletions are remembered for a while, not for ever: endpoints come and go as long as the agent runs', (t) => {
  const { state } = watched();
  const names = ['a', 'b', 'c', 'd'].map((name) => keyOf({ kind: 'Namespace', metadata: { name } }));
  const HOUR = 3_600_000;
  state.remove(names[0]!, 1, 0);
  state.remove(names[1]!, 2, 0);
  state.put({ ...namespace('Deny'), metadata: { ...namespace('Deny').metadata, name: 'b' } }, 3);
  state.remove(names[2]!, 4, HOUR);
  t.deepEqual(
    names.map((name) => state.revisionOf(name)),
    [0, 3, 4, 0],
  );
  // Not told of by the store yet: what it says later of the write before is old.
  state.forget(names[1]!);
  state.remove(names[3]!, 5, 3 * HOUR);
  t.deepEqual(
    names.map((name) => state.revisionOf(name)),
    [0, 3, 0, 5],
  );
});

test('what was forgotten comes back only by a later write', (t) => {
  const { state, told } = watched();
  state.put(namespace('Deny'), 5);
  state.forget(key);
  state.put(namespace('Deny'), 5);
  state.put(namespace('Allow'), 7);
  t.deepEqual(told, ['Deny', undefined, 'Allow']);
});

test('this host’s endpoints are found by their owner', (t) => {
  const { state } = watched();
  const endpoint = (host: string, containerId: string): Endpoint => ({
    apiVersion: 'weir/v1',
    kind: 'Endpoint',
    metadata: { name: `${containerId}-eth0`, namespace: 'default', labels: {}, annotations: {} },
    spec: { host, containerId, network: 'weir', interfaceName: 'eth0', hostInterface: 'weira', addresses: [], ports: [] },
  });
  state.put(endpoint('h1', 'a'), 1);
  state.put(endpoint('h2', 'b'), 2);
  t.is(state.localEndpoint({ containerId: 'a', interfaceName: 'eth0' })?.metadata.name, 'a-eth0');
  t.is(state.localEndpoint({ containerId: 'b', interfaceName: 'eth0' }), undefined);
  state.remove(keyOf(endpoint('h1', 'a')), 3);
  t.deepEqual(state.localEndpoints(), []);
});

test('objects are listed by kind, and the host’s own is found by name', (t) => {
  const { state } = watched();
  const host = (name: string): Host => ({
    apiVersion: 'weir/v1',
    kind: 'Host',
    metadata: { name, labels: {}, annotations: {} },
    spec: { addresses: [], subnets: [], mesosTraffic: { agentPorts: [5051], healthChecks: 'Always' } },
  });
  t.is(state.host, undefined);
  state.put(namespace('Deny'), 1);
  for (const [index, name] of ['h0', 'h1', 'h2'].entries()) state.put(host(name), 2 + index);
  t.deepEqual(
    [...state.list('Host')].map(({ metadata }) => metadata.name),
    ['h0', 'h1', 'h2'],
  );
  t.is(state.host?.metadata.name, 'h1');
  state.remove(keyOf(host('h1')), 9);
  t.is(state.host, undefined);
  t.is([...state.list('Host')].length, 2);
  t.is([...state.list('Namespace')].length, 1);
});
