import test from 'ava';
import { MESOS_CALLS } from '../testing/mesos-calls.ts';
import { readNetworkInfo } from './network-info.ts';

const read = (network_info: unknown) => readNetworkInfo({ cniVersion: '1.0.0', name: 'n', args: { 'org.apache.mesos': { network_info } } });

test('what Mesos says of a task with labels, groups, addresses and ports', (t) => {
  const call = MESOS_CALLS.find(({ scenario }) => scenario === 'cmd-labels-ports');
  t.deepEqual(readNetworkInfo(JSON.parse(call!.stdin)), {
    name: 'br-020',
    labels: [
      { key: 'com.example/tier', value: 'web' },
      { key: 'flag-only', value: '' },
    ],
    groups: ['g1', 'g2'],
    ipAddresses: [
      { protocol: 'IPv4', address: undefined },
      { protocol: 'IPv4', address: '10.99.0.77' },
    ],
    portMappings: [
      { hostPort: 31005, containerPort: 80, protocol: 'tcp' },
      { hostPort: 31006, containerPort: 53, protocol: 'udp' },
      { hostPort: 31007, containerPort: 81, protocol: 'tcp' },
    ],
  });
});

test('a bare name is enough, and other runtimes say nothing at all', (t) => {
  t.deepEqual(read({ name: 'n' }), { name: 'n', labels: [], groups: [], ipAddresses: [], portMappings: [] });
  t.is(readNetworkInfo({ cniVersion: '1.0.0', name: 'n', args: { cni: {} } }), undefined);
  t.is(readNetworkInfo({ cniVersion: '1.0.0', name: 'n' }), undefined);
});

test('a field of the wrong type is named', (t) => {
  t.throws(() => read({ labels: { labels: [{ value: 'x' }] } }), {
    message: /"network_info\.labels\.labels\.0\.key" is missing/,
    code: 7 as never,
  });
  t.throws(() => read({ port_mappings: [{ host_port: 70000, container_port: 1 }] }), {
    message: /"network_info\.port_mappings\.0\.host_port" is 70000/,
  });
  t.throws(() => read('x'), { message: /"network_info" is "x"/ });
});
