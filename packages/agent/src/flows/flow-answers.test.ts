import { setTimeout as delay } from 'node:timers/promises';
import type { Store } from '@weir/datastore';
import { temporaryStore } from '@weir/datastore/testing';
import { type FlowAnswer, type FlowRecord, flowAnswerKey, flowRequestKey } from '@weir/resources';
import test, { type ExecutionContext } from 'ava';
import { openLog } from '../log.ts';
import { FlowAnswers } from './flow-answers.ts';
import { FlowMemory } from './flow-memory.ts';

const record = (port: number, padding = 0): FlowRecord => ({
  host: 'h1',
  start: '2026-01-01T00:00:00.000Z',
  end: '2026-01-01T00:00:00.000Z',
  verdict: 'Deny',
  source: { address: '10.0.0.1', endpoint: { namespace: 'shop', name: 'web', labels: { app: 'x'.repeat(padding) } } },
  destination: { address: '10.0.0.2' },
  protocol: 'TCP',
  destinationPort: port,
  because: {},
  packets: 1,
  bytes: 60,
});

const BEGIN = Date.parse('2026-01-01T00:00:00.000Z');

const QUESTION = { since: '2025-01-01T00:00:00.000Z', denied: false, limit: 10_000, follow: false };

async function open(t: ExecutionContext, known: FlowRecord[] = []): Promise<{ store: Store; answers: FlowAnswers; memory: FlowMemory }> {
  const { store } = await temporaryStore(t);
  const memory = new FlowMemory(BEGIN);
  memory.add(known, BEGIN);
  const answers = new FlowAnswers({ store, host: 'h1', memory, remember() {}, log: openLog({ host: 'h1', level: 'silent' }) });
  const stop = new AbortController();
  const running = answers.run(stop.signal);
  t.teardown(async () => {
    stop.abort();
    await running;
  });
  return { store, answers, memory };
}

async function ask(store: Store, id: string, question: object): Promise<{ next: () => Promise<FlowAnswer>; revoke: () => Promise<void> }> {
  const { revision } = await store.list(flowAnswerKey(id));
  const changes = store.watch(flowAnswerKey(id), { from: revision + 1 })[Symbol.asyncIterator]();
  const lease = await store.lease(10);
  const value = JSON.stringify({ ...question, lease: lease.id });
  await store.transact({ when: [], then: [{ put: flowRequestKey(id), value, lease: lease.id }] });
  const next = async (): Promise<FlowAnswer> => {
    const { value: change } = await changes.next();
    const [event] = change.events;
    if (event?.type !== 'put') throw new Error(`${event?.type} instead of an answer`);
    return JSON.parse(event.entry.value) as FlowAnswer;
  };
  return { next, revoke: () => lease.revoke() };
}

test('an answer holds what was asked for, and goes with the lease of who asked', async (t) => {
  const { store } = await open(t, [record(80), record(22)]);
  const { next, revoke } = await ask(store, 'a', { ...QUESTION, limit: 1 });
  t.deepEqual(await next(), { records: [record(22)], complete: true, dropped: 1, reachesTo: new Date(BEGIN).toISOString() });
  await revoke();
  t.deepEqual((await store.list('/weir/flows/')).entries, []);
});

test('more than one value holds comes in several, none missing', async (t) => {
  const known = Array.from({ length: 30 }, (_, port) => record(port, 50_000));
  const { store } = await open(t, known);
  const { next, revoke } = await ask(store, 'b', QUESTION);
  const told: FlowRecord[] = [];
  let answer: FlowAnswer;
  let answers = 0;
  do {
    answer = await next();
    answers += 1;
    told.push(...answer.records);
    t.true(JSON.stringify(answer).length < 600_000);
  } while (!answer.complete);
  t.deepEqual(told, known);
  t.true(answers > 2);
  await revoke();
});

test('who follows hears of what is new and wanted until he is gone', async (t) => {
  const { store, answers } = await open(t);
  const { next, revoke } = await ask(store, 'c', { ...QUESTION, follow: true, to: '10.0.0.2' });
  t.deepEqual((await next()).records, []);
  answers.tell([record(1), { ...record(2), destination: { address: '10.0.0.3' } }]);
  t.deepEqual((await next()).records, [record(1)]);
  await revoke();
  await delay(200);
  answers.tell([record(3)]);
  await delay(100);
  t.deepEqual((await store.list('/weir/flows/')).entries, []);
});

test('a question that cannot be read stops no other', async (t) => {
  const { store } = await open(t, [record(80)]);
  await store.transact({ when: [], then: [{ put: flowRequestKey('bad'), value: '{"since": "yesterday"}' }] });
  await store.transact({ when: [], then: [{ put: flowRequestKey('worse'), value: 'no JSON' }] });
  const { next, revoke } = await ask(store, 'd', QUESTION);
  t.is((await next()).records.length, 1);
  await revoke();
});
