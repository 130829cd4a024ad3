import { mock } from 'node:test';
import test from 'ava';
import { RenewedLease } from './renewed-lease.ts';

const HOUR = 3_600_000;

test.serial('a lease of hours: a renewal that failed is tried again each minute, not at the next third', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());
  const answers: (boolean | Error)[] = [new Error('away'), new Error('away'), true, true];
  let asked = 0;
  const lease = new RenewedLease({
    id: '1',
    ttlSeconds: 24 * 3600,
    renew: async () => {
      const answer = answers[asked++]!;
      if (answer instanceof Error) throw answer;
      return answer;
    },
    end: async () => {},
  });
  const pass = async (milliseconds: number) => {
    mock.timers.tick(milliseconds);
    await new Promise((resolve) => setImmediate(resolve));
    return asked;
  };
  t.is(await pass(8 * HOUR - 1), 0);
  t.is(await pass(1), 1);
  t.is(await pass(60_000), 2);
  t.is(await pass(60_000), 3);
  t.is(await pass(60_000), 3);
  t.is(await pass(8 * HOUR), 4);
  await lease.revoke();
  t.is(await pass(24 * HOUR), 4);
});
