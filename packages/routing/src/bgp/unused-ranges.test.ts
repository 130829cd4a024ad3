import test from 'ava';
import { unusedRanges } from './unused-ranges.ts';

test('only ranges to which nothing leads', (t) => {
  const routes = [{ destination: '11.0.0.0/8', type: 'unicast' as const, link: 2 }];
  t.deepEqual(
    unusedRanges(['11.1.0.0/16', '12.0.0.0/16', 'fd01:c::/64'], routes).map(({ destination, type }) => `${type} ${destination}`),
    ['blackhole 12.0.0.0/16', 'blackhole fd01:c::/64'],
  );
});
