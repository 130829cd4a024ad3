import test from 'ava';
import { object } from '../testing/bgp.ts';
import { filterText } from './bird-filter.ts';

const conditionsOf = (rule: object, family: 'IPv4' | 'IPv6' = 'IPv4'): string[] =>
  filterText(object('BgpFilter', 'f', { import: [{ action: 'Reject', ...rule }] }), 'import', family)
    .split('\n')
    .slice(1, -1);

test('each operator, with and without lengths', (t) => {
  const cidr = '10.0.0.0/8';
  for (const [rule, text] of [
    [{}, '  reject;'],
    [{ cidr }, '  if net ~ [ 10.0.0.0/8+ ] then reject;'],
    [{ cidr, operator: 'In', prefixLength: { minimum: 16 } }, '  if net ~ [ 10.0.0.0/8{16,32} ] then reject;'],
    [{ cidr, prefixLength: { maximum: 24 } }, '  if net ~ [ 10.0.0.0/8{8,24} ] then reject;'],
    [{ cidr, operator: 'NotIn', prefixLength: { maximum: 24 } }, '  if !(net ~ [ 10.0.0.0/8+ ]) && net.len <= 24 then reject;'],
    [{ cidr, operator: 'Equal' }, '  if net = 10.0.0.0/8 then reject;'],
    [{ cidr, operator: 'NotEqual' }, '  if net != 10.0.0.0/8 then reject;'],
    [{ ipVersion: 4, prefixLength: { minimum: 25, maximum: 30 } }, '  if net.len >= 25 && net.len <= 30 then reject;'],
    [{ interface: 'eth*', source: 'Host' }, '  if ifname ~ "eth*" && (source = RTS_DEVICE || source = RTS_INHERIT) then reject;'],
    [{ source: 'Weir' }, '  if source = RTS_STATIC then reject;'],
    [{ source: 'Peers' }, '  if source = RTS_BGP then reject;'],
  ] as const)
    t.deepEqual(conditionsOf(rule), [text], JSON.stringify(rule));
});

test('rules of the other family are left out', (t) => {
  t.deepEqual(conditionsOf({ cidr: 'fd00::/8' }), []);
  t.deepEqual(conditionsOf({ ipVersion: 6 }), []);
  t.deepEqual(conditionsOf({ cidr: 'fd00::/8', prefixLength: { minimum: 64 } }, 'IPv6'), ['  if net ~ [ fd00::/8{64,128} ] then reject;']);
});
