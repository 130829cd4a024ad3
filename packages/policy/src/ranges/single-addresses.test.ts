import test from 'ava';
import { SingleAddresses } from './single-addresses.ts';

test('addresses are found by the range that they lie in, as they come and go', (t) => {
  const [a, b] = [{ name: 'a' }, { name: 'b' }];
  const addresses = new SingleAddresses<typeof a>();
  addresses.add('10.0.0.9', a);
  addresses.add('10.0.0.10', a);
  addresses.add('10.0.0.10', b);
  addresses.add('fd00::9', a);
  const within = (range: [bigint, bigint]) => addresses.within('IPv4', { first: range[0], last: range[1] });
  t.deepEqual(within([0x0a000000n, 0x0a0000ffn]), ['10.0.0.9', '10.0.0.10']);
  addresses.add('10.0.0.11', b);
  addresses.delete('10.0.0.10', a);
  addresses.delete('10.0.0.9', a);
  t.deepEqual(within([0x0a000000n, 0x0a0000ffn]), ['10.0.0.10', '10.0.0.11']);
  t.deepEqual(within([0x0a00000bn, 0x0a00000bn]), ['10.0.0.11']);
  t.deepEqual([...addresses.at('10.0.0.10')!], [b]);
  t.deepEqual([...addresses.at('10.0.0.11')!], [b]);
  t.is(addresses.at('10.0.0.9'), undefined);
  t.deepEqual(addresses.within('IPv6', { first: 0n, last: 2n ** 128n - 1n }), ['fd00::9']);
});
