import test from 'ava';
import { compareAddresses } from './address-order.ts';

test('addresses and CIDRs stand by family and number', (t) => {
  const sorted = [
    '9.0.0.0/8',
    '10.64.0.0/16',
    '10.64.0.0/26',
    '10.64.0.9',
    '10.64.0.10',
    '10.64.0.64/26',
    '10.64.0.128/26',
    '100.0.0.0/8',
    '2001:db8::/32',
    'fd00::9',
    'fd00::10',
    'fd00:0:0:10::/64',
  ];
  t.deepEqual(sorted.toReversed().sort(compareAddresses), sorted);
  t.deepEqual([...sorted].sort(compareAddresses), sorted);
});
