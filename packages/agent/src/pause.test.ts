import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import { Pause } from './pause.ts';

const HOUR = 3_600_000;

test('a pause is cut short, by whom it is told or by the signal; cut before it begins, it ends at once, and the next does not', async (t) => {
  const stop = new AbortController();
  const pause = new Pause();
  const first = pause.for(HOUR, stop.signal);
  pause.cut();
  await first;
  pause.cut();
  await pause.for(HOUR, stop.signal);
  let isOver = false;
  const last = pause.for(HOUR, stop.signal).then(() => {
    isOver = true;
  });
  await new Promise(setImmediate);
  t.false(isOver);
  stop.abort();
  await last;
});

test('pauses leave nothing behind', async (t) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const { signal } = new AbortController();
  const pause = new Pause();
  const grown = async (times: number) => {
    const before = process.memoryUsage().heapUsed;
    for (let count = 0; count < times; count++) {
      pause.cut();
      await pause.for(HOUR, signal);
    }
    await new Promise(setImmediate);
    collect();
    return process.memoryUsage().heapUsed - before;
  };
  await grown(1_000);
  // A hundred bytes of each would be two million.
  const bytes = await grown(20_000);
  t.true(bytes < 1_000_000, `${bytes}`);
});
