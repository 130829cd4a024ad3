import test from 'ava';
import { parseWith } from '../parse-with.ts';
import { blockName, blockSpecSchema } from './block.ts';
import { endpointSpecSchema } from './endpoint.ts';
import { hostSpecSchema } from './host.ts';
import { findKind, KINDS, kindInfo, requireKind } from './index.ts';
import { namespaceLabels } from './namespace.ts';

test('kinds are found by any of their names', (t) => {
  for (const info of KINDS) {
    for (const name of [info.kind, info.plural, ...info.shortNames, info.kind.toUpperCase()]) t.is(findKind(name), info);
  }
  t.is(findKind('deployments'), undefined);
  t.is(requireKind('pol'), kindInfo('Policy'));
  t.throws(() => requireKind('polices'), { code: 'EINVALID', message: /"polices" is no kind: did you mean "policies"\?/ });
});

test('no name means two kinds', (t) => {
  const names = KINDS.flatMap(({ kind, plural, shortNames }) => [kind.toLowerCase(), plural, ...shortNames]);
  t.is(new Set(names).size, names.length);
});

test('Host: defaults of Mesos traffic, whole or in part', (t) => {
  const full = { agentPorts: [5051], healthChecks: 'Always' as const };
  t.deepEqual(parseWith(hostSpecSchema, { addresses: ['10.0.0.1'] }), { addresses: ['10.0.0.1'], mesosTraffic: full });
  t.deepEqual(parseWith(hostSpecSchema, { addresses: [], mesosTraffic: { healthChecks: 'Policy' } }).mesosTraffic, {
    ...full,
    healthChecks: 'Policy',
  });
  t.throws(() => parseWith(hostSpecSchema, { addresses: ['10.0.0.1/24'] }), {
    message: /^addresses\[0\]: "10\.0\.0\.1\/24" has a prefix length/,
  });
});

test('Endpoint: canonical addresses and hardware address, interface names that fit', (t) => {
  const spec = {
    host: 'h',
    containerId: 'c',
    network: 'n',
    interfaceName: 'eth0',
    hostInterface: 'weirabc',
    addresses: ['FD00::1'],
    mac: '02:AA:00:00:00:01',
  };
  t.like(parseWith(endpointSpecSchema, spec), { addresses: ['fd00::1'], mac: '02:aa:00:00:00:01', ports: [] });
  t.throws(() => parseWith(endpointSpecSchema, { ...spec, hostInterface: 'weir456789012345' }), {
    message: /^hostInterface: .*is no interface name: expected 1 to 15/,
  });
  t.throws(() => parseWith(endpointSpecSchema, { ...spec, ports: [{ name: 'web', protocol: 'ICMP', port: 1 }] }), {
    message: /^ports\[0\]\.protocol: "ICMP"/,
  });
});

test('Block: allocations lie within it', (t) => {
  const allocation = { containerId: 'c', interfaceName: 'eth0', network: 'n', host: 'h' };
  const spec = { cidr: '10.0.0.0/26', pool: 'p', host: 'h', allocations: { '10.0.0.63': allocation } };
  t.deepEqual<unknown, unknown>(parseWith(blockSpecSchema, spec), spec);
  t.throws(() => parseWith(blockSpecSchema, { ...spec, allocations: { '10.0.0.64': allocation } }), {
    message: 'allocations["10.0.0.64"]: "10.0.0.64" is not of the block 10.0.0.0/26',
  });
  t.throws(() => parseWith(blockSpecSchema, { ...spec, allocations: { x: allocation } }), { message: /"x" is no IP address/ });
  t.is(blockName('10.0.0.0/26'), '10.0.0.0-26');
  t.is(blockName('FD00:0::/122'), 'fd00---122');
});

test('a namespace always carries its name, and no object can say otherwise', (t) => {
  t.deepEqual(namespaceLabels('shop'), { 'kubernetes.io/metadata.name': 'shop' });
  const labels = { team: 'a', 'kubernetes.io/metadata.name': 'other' };
  t.deepEqual(namespaceLabels('shop', { metadata: { labels } }), { team: 'a', 'kubernetes.io/metadata.name': 'shop' });
});
