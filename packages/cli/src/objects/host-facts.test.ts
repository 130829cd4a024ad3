import { type Host, parseObject } from '@weir/resources';
import test from 'ava';
import { withHostFacts } from './host-facts.ts';

const host = (spec: object): Host => parseObject({ apiVersion: 'weir/v1', kind: 'Host', metadata: { name: 'h1' }, spec }) as Host;

const vxlan = { address: '192.0.2.7', mac: '02:00:5e:10:00:01', port: 4789, vni: 4096, tunnelAddresses: ['10.64.0.0'] };
const flannel = { subnets: ['10.5.1.0/24'], containers: 'Weir' };
const dns = { addresses: ['169.254.1.53'], queries: 'Policy' };
const stored = host({ addresses: ['192.0.2.7'], subnets: ['192.0.2.0/24'], vxlan, flannel, dns, mesosTraffic: { agentPorts: [] } });

test('a file that says only what an operator sets leaves what the agent found out', (t) => {
  const { spec } = withHostFacts(host({ failsafePorts: { inbound: ['tcp/22'] } }), { object: stored });
  const facts = { addresses: ['192.0.2.7'], subnets: ['192.0.2.0/24'], vxlan, flannel };
  const set = { failsafePorts: { inbound: ['tcp/22'] }, mesosTraffic: { agentPorts: [5051], healthChecks: 'Always' } };
  t.deepEqual(spec, { ...facts, ...set, dns: { ...dns, queries: 'Always' } } as unknown as typeof spec);
});

test('what a file says of the agent, from an earlier `weir get -o yaml`, is as it is by now', (t) => {
  const former = { addresses: ['192.0.2.7'], subnets: ['192.0.2.0/25'], vxlan: { ...vxlan, port: 1 }, dns: { queries: 'Policy' } };
  const { spec } = withHostFacts(host(former), { object: stored });
  t.deepEqual(spec.subnets, ['192.0.2.0/24']);
  t.is(spec.vxlan?.port, 4789);
  t.deepEqual(spec.dns, { addresses: ['169.254.1.53'], queries: 'Policy' });
  t.false('vxlan' in withHostFacts(host(former), { object: host({ addresses: ['192.0.2.7'] }) }).spec);
});

test('a Host that no agent made, and addresses that are not those of its agent, are refused', (t) => {
  t.throws(() => withHostFacts(host({}), undefined), { code: 'EREFUSED', message: /^cannot make host\/h1: the agent of a host does so/ });
  t.throws(() => withHostFacts(host({ addresses: ['192.0.2.8'] }), { object: stored }), {
    code: 'EREFUSED',
    message: /^cannot change spec\.addresses of host\/h1 from 192\.0\.2\.7 to 192\.0\.2\.8: .*; leave them out$/,
  });
});

test('a Host that cannot be read is repaired by what is given', (t) => {
  const given = host({ addresses: ['192.0.2.7'] });
  t.is(withHostFacts(given, {}), given);
});
