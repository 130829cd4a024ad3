import type { Flow } from '@weir/kernel';
import test from 'ava';
import pino from 'pino';
import { EstablishedFlows } from './established-flows.ts';

const log = pino({ level: 'silent' });
const metrics = { flowsCut: { inc: () => {} } as never };

function flow(destination: string, id: number): Flow {
  const ends = { source: '10.0.0.9', destination, sourcePort: 40000 + id, destinationPort: 80 };
  const back = { source: destination, destination: ends.source, sourcePort: ends.destinationPort, destinationPort: ends.sourcePort };
  return { version: 4, protocol: 6, original: ends, reply: back, mark: 0, id };
}

/** A connection table whose listings end when the test says so. */
function tableOf(flows: Flow[]) {
  const listings: PromiseWithResolvers<Flow[]>[] = [];
  const cut: number[] = [];
  const conntrack = {
    list: () => {
      const listing = Promise.withResolvers<Flow[]>();
      listings.push(listing);
      return listing.promise;
    },
    delete: (gone: Flow | readonly Flow[]) => {
      cut.push(...[gone].flat().map((one) => (one as Flow).id));
      return [gone].flat().length;
    },
  };
  /** Resolves when so many listings have begun. */
  const listed = async (count: number): Promise<void> => {
    while (listings.length < count) await new Promise(setImmediate);
  };
  return { conntrack, cut, listings, listed, finish: (index: number) => listings[index]!.resolve(flows) };
}

test('one listing serves a burst; what is noted during it is judged by the next', async (t) => {
  const table = tableOf([flow('10.0.0.1', 1), flow('10.0.0.2', 2), flow('10.0.0.3', 3)]);
  const flows = new EstablishedFlows({
    conntrack: table.conntrack,
    isAllowed: () => false,
    isAllowedThrough: () => true,
    onFailure: ({ message }) => void t.fail(message),
    log,
    metrics,
  });
  const first = flows.judge({ narrowed: ['10.0.0.1'], gone: [] });
  const second = flows.judge({ narrowed: ['10.0.0.2'], gone: [] });
  await table.listed(1);
  const third = flows.judge({ narrowed: [], gone: ['10.0.0.3'] });
  table.finish(0);
  await Promise.all([first, second]);
  t.deepEqual(table.cut, [1, 2]);
  await table.listed(2);
  table.finish(1);
  await third;
  t.deepEqual(table.cut, [1, 2, 3]);
});

test('allowed flows stay, thousands are judged in turns', async (t) => {
  const table = tableOf(Array.from({ length: 5000 }, (_, id) => flow('10.0.0.1', id)));
  const isAllowed = ({ sourcePort }: { sourcePort?: number }) => sourcePort! % 2 === 0;
  const flows = new EstablishedFlows({
    conntrack: table.conntrack,
    isAllowed,
    isAllowedThrough: () => true,
    onFailure: ({ message }) => void t.fail(message),
    log,
    metrics,
  });
  const judged = flows.judge({ narrowed: ['10.0.0.1'], gone: [] });
  await table.listed(1);
  table.finish(0);
  await judged;
  t.is(table.cut.length, 2500);
  t.true(table.cut.every((id) => id % 2 === 1));
});

test('a listing that fails is told, and those that it was for are judged by the next one, as what they are by then', async (t) => {
  const table = tableOf([flow('10.0.0.1', 1)]);
  const failures: string[] = [];
  const onFailure = (error: Error) => failures.push(error.message);
  const flows = new EstablishedFlows({
    conntrack: table.conntrack,
    isAllowed: () => false,
    isAllowedThrough: () => true,
    onFailure,
    log,
    metrics,
  });
  const first = flows.judge({ gone: ['10.0.0.1'] });
  await table.listed(1);
  table.listings[0]!.reject(new Error('no memory'));
  await first;
  t.deepEqual(failures, ['no memory']);
  await table.listed(2);
  const second = flows.judge({ narrowed: ['10.0.0.2'] });
  table.finish(1);
  await table.listed(3);
  t.deepEqual(table.cut, [1]);
  table.finish(2);
  await second;
});

test('nobody under suspicion: nothing is listed', async (t) => {
  const table = tableOf([]);
  await new EstablishedFlows({
    conntrack: table.conntrack,
    isAllowed: () => true,
    isAllowedThrough: () => true,
    onFailure: ({ message }) => void t.fail(message),
    log,
    metrics,
  }).judge({
    narrowed: [],
    gone: [],
  });
  t.is(table.listings.length, 0);
});
