import type { FlowRecord } from '@weir/resources';
import test from 'ava';
import { FlowMemory } from './flow-memory.ts';

const record = (end: number, port = 80): FlowRecord => ({
  host: 'h1',
  start: new Date(end).toISOString(),
  end: new Date(end).toISOString(),
  verdict: 'Deny',
  source: { address: '10.0.0.1' },
  destination: { address: '10.0.0.2' },
  protocol: 'TCP',
  destinationPort: port,
  because: {},
  packets: 1,
  bytes: 60,
});

test('the latest are found, up to the limit, and those beyond it are counted', (t) => {
  const memory = new FlowMemory(0);
  memory.add([record(1, 22), record(2), record(3), record(4)], 5);
  const isWeb = ({ destinationPort }: FlowRecord) => destinationPort === 80;
  t.deepEqual(memory.find(isWeb, 2), { records: [record(3), record(4)], dropped: 1 });
  t.deepEqual(memory.find(isWeb, 9).dropped, 0);
});

test('what is older than an hour goes, and what there is no room for', (t) => {
  const memory = new FlowMemory(0);
  memory.add([record(0)], 0);
  t.is(memory.since, 0);
  memory.add([record(3_600_001)], 3_600_001);
  t.is(memory.since, 1);
  t.deepEqual(memory.find(() => true, 9).records, [record(3_600_001)]);
  memory.add(
    Array.from({ length: 30_000 }, (_, port) => record(3_600_002, port)),
    3_600_002,
  );
  const { records } = memory.find(() => true, 40_000);
  t.is(records.length, 20_000);
  t.is(records.at(-1)?.destinationPort, 29_999);
  t.is(memory.since, 3_600_003, 'some of that moment are missing');
});

test('where there is no room, flows that only went on go before what was denied, and before the begin of a flow', (t) => {
  const memory = new FlowMemory(0);
  const denied = record(1);
  const begun = { ...record(2), verdict: 'Allow' as const, connections: 1 };
  const wentOn = Array.from({ length: 20_000 }, (_, at) => ({ ...record(3 + at), verdict: 'Allow' as const, connections: 0 }));
  memory.add([denied, begun, ...wentOn], 30_000);
  const { records } = memory.find(() => true, 40_000);
  t.deepEqual(records.slice(0, 3), [denied, begun, wentOn[2]!]);
  t.is(records.length, 20_000);
  t.is(memory.since, 5);
});
