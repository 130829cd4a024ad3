import { ObjectStore, type Store, StoreError } from '@weir/datastore';
import { temporaryStore } from '@weir/datastore/testing';
import { type Endpoint, type EndpointSpec, keyOf, serialize } from '@weir/resources';
import test, { type ExecutionContext } from 'ava';
import pino from 'pino';
import { ClusterState } from '../cluster-state.ts';
import { Enforcement } from './enforcement.ts';

const owner = { containerId: 'c1', interfaceName: 'eth0' };

function endpoint(namespace = 'default', { containerId = 'c1', ...spec }: Partial<EndpointSpec> = {}): Endpoint {
  return {
    apiVersion: 'weir/v1',
    kind: 'Endpoint',
    metadata: { name: `${containerId}-eth0`, namespace, labels: {}, annotations: {} },
    spec: {
      host: 'h1',
      ...owner,
      containerId,
      network: 'weir',
      hostInterface: 'weira',
      addresses: ['10.64.0.1'],
      ports: [],
      ...spec,
    },
  };
}

/** A store that can be taken away, and a kernel that only notes what it is told. */
async function setUp(t: ExecutionContext, { knowsOutage = false } = {}) {
  const { store } = await temporaryStore(t);
  const link = { up: true, refused: 0 };
  const reached: Store = new Proxy(store, {
    get(target, name: keyof Store) {
      const method = target[name].bind(target) as (...values: unknown[]) => unknown;
      return (...values: unknown[]) => {
        if (link.up) return method(...values);
        link.refused++;
        throw new StoreError('EUNAVAILABLE', 'the store is away');
      };
    },
  });
  const kernel: string[][] = [];
  const state = new ClusterState('h1', () => {});
  const objects = new ObjectStore(reached);
  const apply = () => kernel.push(state.localEndpoints().map(keyOf));
  const enforcement = new Enforcement({
    objects,
    state,
    apply,
    drift: () => [],
    isStoreThere: () => (knowsOutage ? link.up : true),
    leave: () => {},
    log: pino({ level: 'silent' }),
  });
  return { enforcement, objects, kernel, link, stored: () => objects.list('Endpoint').then(({ objects: list }) => list.length) };
}

test('an endpoint is in the store and in the kernel when enforce answers, and in neither after withdraw', async (t) => {
  const { enforcement, kernel, stored } = await setUp(t);
  await enforcement.enforce(endpoint());
  t.deepEqual(kernel.at(-1), [keyOf(endpoint())]);
  t.is(await stored(), 1);
  t.deepEqual(await enforcement.withdraw(owner), endpoint());
  t.deepEqual(kernel.at(-1), []);
  t.is(await stored(), 0);
  t.is(await enforcement.withdraw(owner), undefined, 'a second DEL finds nothing');
});

test('an endpoint that was written with its addresses is brought in force, and not written again but if it was changed since', async (t) => {
  const { enforcement, objects, kernel } = await setUp(t);
  const ours = endpoint();
  const { write, written } = enforcement.companion(ours)!;
  t.deepEqual(write, { put: keyOf(ours), value: serialize(ours) });
  const revision = await objects.put(ours);
  written(revision);
  await enforcement.enforce(ours);
  t.deepEqual(kernel.at(-1), [keyOf(ours)]);
  t.is((await objects.get('Endpoint', ours.metadata.name, ours.metadata.namespace))?.revision, revision);
  await enforcement.enforce(endpoint());
  t.true((await objects.get('Endpoint', ours.metadata.name, ours.metadata.namespace))!.revision > revision);
});

test('an endpoint is not written with its addresses where its ports are to be claimed first, or another one of its container has to go first', async (t) => {
  const { enforcement } = await setUp(t);
  const ours = endpoint();
  const withPort = { ...ours, spec: { ...ours.spec, hostPorts: [{ hostPort: 80, containerPort: 80, protocol: 'TCP' as const }] } };
  t.is(enforcement.companion(withPort), undefined);
  await enforcement.enforce(ours);
  t.is(enforcement.companion({ ...ours, metadata: { ...ours.metadata, namespace: 'moved' } }), undefined);
  t.not(enforcement.companion(ours), undefined);
  t.is(enforcement.companion(undefined), undefined);
});

for (const knowsOutage of [false, true])
  test(`with the store away${knowsOutage ? ', as is known,' : ''} the kernel is closed all the same, and the endpoint stays known for later`, async (t) => {
    const { enforcement, kernel, link, stored } = await setUp(t, { knowsOutage });
    await enforcement.enforce(endpoint());
    link.up = false;
    await enforcement.withdraw(owner);
    t.deepEqual(kernel.at(-1), []);
    t.deepEqual(enforcement.stored, [endpoint()]);
    t.is(link.refused, knowsOutage ? 0 : 1, 'a known outage is not waited for');
    link.up = true;
    await enforcement.remove(endpoint());
    t.deepEqual(enforcement.stored, []);
    t.is(await stored(), 0);
  });

// Its link would be nobody's for the time between two writes: an agent that was killed then removed it when it started anew.
test('an endpoint whose labels say another namespace moves there in one write', async (t) => {
  const { enforcement, objects, kernel } = await setUp(t);
  await enforcement.enforce(endpoint());
  const { revision } = await objects.list('Endpoint');
  await enforcement.amend(owner, (now) => ({ ...now, metadata: { ...now.metadata, namespace: 'shop' } }));
  const after = await objects.list('Endpoint');
  t.is(after.revision, revision + 1);
  t.deepEqual(
    after.objects.map(({ object }) => object.metadata.namespace),
    ['shop'],
  );
  t.deepEqual(kernel.at(-1), [keyOf(endpoint('shop'))]);
});

test('an ADD into another namespace takes the place of what a killed one left', async (t) => {
  const { enforcement, kernel, stored } = await setUp(t);
  await enforcement.enforce(endpoint('shop'));
  await enforcement.enforce(endpoint('default'));
  t.deepEqual(kernel.at(-1), [keyOf(endpoint('default'))]);
  t.is(await stored(), 1);
});

const hostPorts = [{ hostPort: 8080, containerPort: 80, protocol: 'TCP' as const }];

test('a port of the host leads to one container, also when two want it at once', async (t) => {
  const { enforcement, kernel, stored } = await setUp(t);
  const [one, two] = ['c1', 'c2'].map((containerId) => endpoint('default', { containerId, hostPorts }));
  const settled = await Promise.allSettled([enforcement.enforce(one!), enforcement.enforce(two!)]);
  t.deepEqual(
    settled.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  );
  const refused = {
    code: 'EHOSTPORT',
    message: /TCP 0\.0\.0\.0:8080 of host h1 .* c1 already \(endpoint default\/c1-eth0, network weir\)/,
  };
  await t.throwsAsync(enforcement.enforce(two!), refused);
  const bound = endpoint('default', { containerId: 'c2', hostPorts: [{ ...hostPorts[0]!, hostIP: '192.168.0.1' }] });
  await t.throwsAsync(enforcement.enforce(bound), { code: 'EHOSTPORT' });
  t.is(await stored(), 1);
  t.deepEqual(kernel.at(-1), [keyOf(one!)]);
  await enforcement.enforce(one!);
  await enforcement.enforce(endpoint('default', { containerId: 'c3', hostPorts: [{ ...hostPorts[0]!, protocol: 'UDP' }] }));
  await enforcement.withdraw(owner);
  await enforcement.enforce(two!);
  t.is(await stored(), 2);
});

test('an ADD that fails holds no port', async (t) => {
  const { enforcement, link } = await setUp(t);
  link.up = false;
  await t.throwsAsync(enforcement.enforce(endpoint('default', { hostPorts })), { code: 'EUNAVAILABLE' });
  link.up = true;
  await t.notThrowsAsync(enforcement.enforce(endpoint('default', { containerId: 'c2', hostPorts })));
});
