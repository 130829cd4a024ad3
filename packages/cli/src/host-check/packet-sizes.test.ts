import test from 'ava';
import { checkNetworkSizes } from './between-hosts.ts';
import { pathChecks, peersOf } from './packet-sizes.ts';

const UPLINK = { device: 'eth0', mtu: 1500 };
const path = (host: string, carries: number | undefined, told = 1500) => ({
  host,
  address: `192.0.2.${host.slice(1)}`,
  told,
  ...(carries !== undefined && { carries }),
});

test('what gets to all hosts is well, and hosts that do not answer say nothing', (t) => {
  t.deepEqual(pathChecks([path('h1', 1500), path('h2', 1500), path('h3', undefined)], UPLINK, 0), [
    { name: 'packets to hosts', status: 'ok', found: 'of 1500 bytes, the MTU of eth0, get to 2 hosts' },
    { name: 'packets to hosts', status: 'skipped', found: '1 host answered no echo request (h3): what size gets there was not seen' },
  ]);
  t.like(pathChecks([], UPLINK, 0), [{ status: 'skipped' }]);
});

test('a path that drops large packets without a word fails, and is told with the MTU that containers can have until then', (t) => {
  const [check, ...others] = pathChecks([path('h1', 1400)], UPLINK, 50);
  t.deepEqual(others, []);
  t.like(check, { name: 'packets to h1', status: 'failed' });
  t.regex(check!.found, /^192\.0\.2\.1 answers 1400 bytes and nothing larger, eth0 takes 1500, and nobody on the way says so/);
  t.regex(check!.remedy!, /"mtu": 1350 in the network files$/);
});

test('a path that says what it carries is only worth a warning', (t) => {
  const [check] = pathChecks([path('h1', 1400, 1400)], UPLINK, 0);
  t.like(check, { name: 'packets to h1', status: 'warning' });
  t.regex(check!.remedy!, /"mtu": 1400 in the network files/);
});

test('each host is asked at the first address of each family that both have', (t) => {
  const others = [
    { name: 'h2', addresses: ['192.0.2.2', '192.0.2.22', '2001:db8::2'] },
    { name: 'h3', addresses: ['2001:db8::3'] },
  ];
  const asked = (own: string[]) => peersOf(own, others).map(({ host, address }) => `${host} ${address}`);
  t.deepEqual(asked(['192.0.2.1', '2001:db8::1']), ['h2 192.0.2.2', 'h2 2001:db8::2', 'h3 2001:db8::3']);
  t.deepEqual(asked(['192.0.2.1']), ['h2 192.0.2.2']);
});

test('a network file that asks for larger packets than fit between the hosts', (t) => {
  const file = (mtu?: unknown) => ({
    path: '/etc/cni/net.d/weir.json',
    config: { type: 'weir', chain: [{ type: 'weir-route', mtu }, { type: 'weir-policy' }] },
  });
  const checks = (mtu: unknown, overhead: number) => checkNetworkSizes(new Map([['weir', file(mtu)]]), UPLINK, overhead);
  t.deepEqual(checks(undefined, 50), []);
  t.deepEqual(checks(1450, 50), []);
  t.like(checks(1500, 50), [
    {
      name: 'MTU of weir',
      status: 'warning',
      found: 'its containers get 1500, and 1450 fit between the hosts: the 1500 of eth0 less 50 of the tunnels',
    },
  ]);
  t.deepEqual(checks(1500, 0), []);
});
