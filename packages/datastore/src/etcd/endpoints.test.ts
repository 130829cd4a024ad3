import test from 'ava';
import { Endpoints } from './endpoints.ts';

test('how long a call is tried does not follow the clock of the wall, which may be set back meanwhile', async (t) => {
  const endpoints = await Endpoints.open({ backend: 'etcd', endpoints: ['http://127.0.0.1:1'], timeoutMilliseconds: 200 });
  t.teardown(() => endpoints.close());
  await endpoints.call(async () => 'reached', { writes: false });
  const wallClock = Date.now;
  t.teardown(() => {
    Date.now = wallClock;
  });
  const signal = AbortSignal.timeout(20_000);
  const refused = endpoints.call(() => Promise.reject(new Error('unavailable')), { writes: false, signal });
  Date.now = () => wallClock() - 3_600_000;
  await t.throwsAsync(refused, { code: 'EUNAVAILABLE' });
  t.false(signal.aborted);
});
