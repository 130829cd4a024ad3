import test from 'ava';
import { EndedEndpoints } from './ended-endpoints.ts';

const eth0 = (containerId: string) => ({ containerId, interfaceName: 'eth0' });

test('an end is remembered for as long as a release may take, and what ended again for longer', (t) => {
  const ended = new EndedEndpoints();
  ended.note(eth0('a'), 0);
  ended.note(eth0('b'), 1_000);
  ended.note(eth0('a'), 5_000);
  t.true(ended.has(eth0('a'), 15_000));
  t.true(ended.has(eth0('b'), 11_000));
  t.false(ended.has(eth0('b'), 11_001));
  t.false(ended.has(eth0('c'), 0));
  t.false(ended.has({ containerId: 'a', interfaceName: 'eth1' }, 5_000));
});
