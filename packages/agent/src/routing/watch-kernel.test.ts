import { setTimeout as delay } from 'node:timers/promises';
import type { Change } from '@weir/kernel';
import test from 'ava';
import { watchKernel } from './watch-kernel.ts';

test('changes that come together are repaired together; one that comes right after a repair is repaired too', async (t) => {
  const stop = new AbortController();
  const repairs: number[] = [];
  let told = 0;
  async function* changes(): AsyncGenerator<Change> {
    for (; told < 50; told++) yield { type: 'lost' };
    await delay(100); // within the pause after the repair
    told++;
    yield { type: 'lost' };
    await delay(1000);
  }
  await watchKernel(changes(), { isRight: () => false, repair: () => repairs.push(told), signal: stop.signal });
  t.deepEqual(repairs, [50, 51]);
});

test('what is right is left alone, and a repair that fails ends nothing', async (t) => {
  let repairs = 0;
  async function* changes(): AsyncGenerator<Change> {
    for (const right of [true, false, false]) {
      yield { type: 'link', action: right ? 'set' : 'delete' } as Change;
      await delay(400);
    }
  }
  await watchKernel(changes(), {
    isRight: (change) => change.type === 'link' && change.action === 'set',
    repair: () => {
      repairs++;
      throw new Error('refused');
    },
    signal: new AbortController().signal,
  });
  t.is(repairs, 2);
});
