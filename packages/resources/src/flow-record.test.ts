import test from 'ava';
import { type FlowEnd, type FlowRecord, flowEndTest, flowTest } from './flow-record.ts';

const WEB: FlowEnd = {
  address: '10.0.0.1',
  endpoint: { namespace: 'shop', name: 'web-1', labels: { app: 'web', 'weir/app': '/shop/web' } },
};
const HOST: FlowEnd = { address: '172.16.0.1', host: 'h1' };
const OUTSIDE: FlowEnd = { address: '2001:db8::7', networkSets: ['partners'] };

test('an end is named by labels, name, address, CIDR, or as outside', (t) => {
  const passes = (text: string) => [WEB, HOST, OUTSIDE].map(flowEndTest(text));
  t.deepEqual(passes("app == 'web'"), [true, false, false]);
  t.deepEqual(passes('all()'), [true, false, false]);
  t.deepEqual(passes('shop/web-1'), [true, false, false]);
  t.deepEqual(passes('shop/web'), [false, false, false]);
  t.deepEqual(passes('/shop/web'), [true, false, false]);
  t.deepEqual(passes('/shop'), [true, false, false], 'all of a group');
  t.deepEqual(passes('/'), [true, false, false]);
  t.deepEqual(passes('/shop/we'), [false, false, false]);
  t.deepEqual(passes("shop/app == 'web'"), [true, false, false], 'labels within a namespace');
  t.deepEqual(passes("blog/app == 'web'"), [false, false, false]);
  t.deepEqual(passes("weir/app == '/shop/web'"), [true, false, false], 'a label, not of a namespace weir');
  t.deepEqual(passes('host/h1'), [false, true, false]);
  t.deepEqual(passes('outside'), [false, false, true]);
  t.deepEqual(passes('172.16.0.0/12'), [false, true, false]);
  t.deepEqual(passes('172.16.0.1'), [false, true, false]);
  t.deepEqual(passes('2001:DB8:0::7'), [false, false, true]);
  t.deepEqual(passes('2001:db8::/32'), [false, false, true]);
});

test('what names no end is refused with what is wrong', (t) => {
  for (const text of ['10.0.0.300', '10.0.0.1/33', '10.0.0.1/8', 'app=', '::1::2']) t.throws(() => flowEndTest(text), undefined, text);
});

test('a record passes when it is of the time, the verdict and both ends', (t) => {
  const record = {
    host: 'h1',
    start: '2026-01-01T00:00:00.000Z',
    end: '2026-01-01T00:00:09.000Z',
    verdict: 'Deny',
    source: WEB,
    destination: OUTSIDE,
    protocol: 'TCP',
    because: {},
    packets: 1,
    bytes: 60,
  } satisfies FlowRecord;
  const query = { since: '2026-01-01T00:00:05.000Z', denied: false, follow: false, limit: 1 };
  t.true(flowTest(query)(record), 'it was going on then');
  t.false(flowTest({ ...query, since: '2026-01-01T00:00:10.000Z' })(record));
  t.true(flowTest({ ...query, denied: true, from: "app == 'web'", to: 'outside' })(record));
  t.false(flowTest({ ...query, denied: true })({ ...record, verdict: 'Log' }));
  const staged = (verdict: 'Allow' | 'Deny') => ({ ...record, staged: { verdict, because: {} } });
  t.true(flowTest({ ...query, staged: true })(staged('Allow')));
  t.false(flowTest({ ...query, staged: true })(staged('Deny')));
  t.false(flowTest({ ...query, staged: true })(record));
  t.false(flowTest({ ...query, from: 'outside' })(record));
});
