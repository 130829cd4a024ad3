import test from 'ava';
import { checkHostDns } from './agent.ts';
import type { Networks } from './networks.ts';

const ROUTE = { type: 'weir-route', ipam: { type: 'weir-ipam' } };
const NAMED = { ...ROUTE, hostDns: true };
const networks: Networks = new Map([
  ['plain', { path: '/n/plain.json', config: { type: 'weir' } }],
  ['chain', { path: '/n/chain.json', config: { type: 'weir', chain: [NAMED, { type: 'weir-policy' }] } }],
  ['alone', { path: '/n/alone.json', config: NAMED }],
  ['off', { path: '/n/off.json', config: { type: 'weir', chain: [{ ...ROUTE, hostDns: false }] } }],
]);

test('networks with hostDns are named when the agent answers no DNS, with both ways out', (t) => {
  const checks = checkHostDns({}, networks, '/etc/weir/agent.yaml');
  t.deepEqual(
    checks.map(({ name, status }) => [name, status]),
    [
      ['DNS of chain', 'failed'],
      ['DNS of alone', 'failed'],
    ],
  );
  t.is(checks[0]!.remedy, 'add the section "dns: {}" to /etc/weir/agent.yaml and restart the agent, or take hostDns out of /n/chain.json');
});

test('with the section they are in order', (t) => {
  const checks = checkHostDns({ dns: { ttl: 5, timeout: 1500 } }, networks, '/etc/weir/agent.yaml');
  t.deepEqual(
    checks.map(({ name, status }) => [name, status]),
    [
      ['DNS of chain', 'ok'],
      ['DNS of alone', 'ok'],
    ],
  );
});
