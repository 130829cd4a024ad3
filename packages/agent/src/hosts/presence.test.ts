import { ObjectStore } from '@weir/datastore';
import { temporaryStore } from '@weir/datastore/testing';
import { keyOf, presenceKey } from '@weir/resources';
import test from 'ava';
import pino from 'pino';
import { keepPresence, registerHost } from './presence.ts';

test('a host is registered with the defaults; what an operator wrote stays when addresses change', async (t) => {
  const objects = new ObjectStore((await temporaryStore(t)).store);
  const { object } = await registerHost(objects, 'h1', ['192.0.2.1']);
  t.deepEqual(object.spec.mesosTraffic, { agentPorts: [5051], healthChecks: 'Always' });
  await objects.put({ ...object, spec: { ...object.spec, mesosTraffic: { agentPorts: [], healthChecks: 'Policy' } } });
  const again = await registerHost(objects, 'h1', ['192.0.2.7']);
  t.deepEqual(again.object.spec, { addresses: ['192.0.2.7'], subnets: [], mesosTraffic: { agentPorts: [], healthChecks: 'Policy' } });
  t.is((await registerHost(objects, 'h1', ['192.0.2.7'])).revision, again.revision, 'nothing to write, nothing written');
});

test('where its agent answers DNS is told, and no longer when it does not; what an operator says of it stays', async (t) => {
  const objects = new ObjectStore((await temporaryStore(t)).store);
  t.false('dns' in (await registerHost(objects, 'h1', ['192.0.2.1'], [])).object.spec);
  const { object } = await registerHost(objects, 'h1', ['192.0.2.1'], ['169.254.1.53']);
  t.deepEqual(object.spec.dns, { addresses: ['169.254.1.53'], queries: 'Always' });
  await objects.put({ ...object, spec: { ...object.spec, dns: { addresses: ['169.254.1.53'], queries: 'Policy' } } });
  t.is((await registerHost(objects, 'h1', ['192.0.2.1'])).object.spec.dns?.queries, 'Policy', 'a call without an agent does not know');
  t.deepEqual((await registerHost(objects, 'h1', ['192.0.2.1'], [])).object.spec.dns, { addresses: [], queries: 'Policy' });
});

test('the sign of life is there while the agent is, and goes with it', async (t) => {
  const store = (await temporaryStore(t)).store;
  const stop = new AbortController();
  const log = pino({ level: 'silent' });
  const watching = store.watch(presenceKey(), { from: 1 })[Symbol.asyncIterator]();
  const problems: string[] = [];
  const kept = keepPresence({
    store,
    host: 'h1',
    addresses: ['192.0.2.1'],
    dnsAddresses: [],
    version: '1.2.3',
    ttlSeconds: 5,
    problems: () => problems,
    underlay: () => ({ mtu: 1500 }),
    signal: stop.signal,
    log,
  });
  const { value: change } = await watching.next();
  t.like(change.events[0], { type: 'put', entry: { key: presenceKey('h1') } });
  t.like(JSON.parse(change.events[0].entry.value), { version: '1.2.3', mtu: 1500 });
  problems.push('no way to host-2');
  const { value: later } = await watching.next();
  t.deepEqual(JSON.parse(later.events[0].entry.value).problems, problems);
  stop.abort();
  await kept;
  t.is(await store.get(presenceKey('h1')), undefined);
});

test('a Host object that cannot be read ends no agent, and is written once somebody has mended it', async (t) => {
  const { store } = await temporaryStore(t);
  const key = keyOf({ kind: 'Host', metadata: { name: 'h1' } });
  const bad = JSON.stringify({ apiVersion: 'weir/v1', kind: 'Host', metadata: { name: 'h1' }, spec: { addresses: ['nowhere'] } });
  await store.transact({ when: [], then: [{ put: key, value: bad }] });
  const stop = new AbortController();
  const told = Promise.withResolvers<string>();
  const log = pino({}, { write: (line: string) => told.resolve(JSON.parse(line).error) });
  const kept = keepPresence({
    store,
    host: 'h1',
    addresses: ['192.0.2.1'],
    dnsAddresses: [],
    version: '1.2.3',
    ttlSeconds: 5,
    problems: () => [],
    signal: stop.signal,
    log,
  });
  t.regex(await Promise.race([told.promise, kept.then(() => 'ended')]), /addresses/);
  const watching = store.watch(presenceKey(), { from: 1 })[Symbol.asyncIterator]();
  await store.transact({ when: [], then: [{ delete: key }] });
  t.like((await watching.next()).value.events[0], { type: 'put', entry: { key: presenceKey('h1') } });
  stop.abort();
  await kept;
});
