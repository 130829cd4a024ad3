import test from 'ava';
import { parseWith } from '../validation/parse-with.ts';
import { blockName, blockSpecSchema } from './block.ts';
import { claimSpecSchema } from './claim.ts';
import { endpointSpecSchema } from './endpoint.ts';
import { hostSpecSchema } from './host.ts';
import { findKind, KINDS, kindInfo, requireKind } from './index.ts';
import { DEFAULT_IPAM_CONFIG, ipamConfigSpecSchema } from './ipam-config.ts';
import { kindElsewhere } from './names-elsewhere.ts';
import { namespaceLabels } from './namespace.ts';
import { reservationSpecSchema } from './reservation.ts';

test('kinds are found by any of their names', (t) => {
  for (const info of KINDS) {
    for (const name of [info.kind, info.plural, ...info.shortNames, info.kind.toUpperCase()]) t.is(findKind(name), info);
  }
  t.is(findKind('deployments'), undefined);
  t.is(requireKind('pol'), kindInfo('Policy'));
  t.throws(() => requireKind('polices'), { code: 'EINVALID', message: /"polices" is no kind: did you mean "policies"\?/ });
  t.throws(() => requireKind('ippools'), { message: /did you mean "pools"\?/ });
  t.is(kindElsewhere('Node'), 'Host');
  for (const name of KINDS.flatMap(({ kind, plural, shortNames }) => [kind, plural, ...shortNames]))
    t.is(kindElsewhere(name), undefined, name);
});

test('no name means two kinds', (t) => {
  const names = KINDS.flatMap(({ kind, plural, shortNames }) => [kind.toLowerCase(), plural, ...shortNames]);
  t.is(new Set(names).size, names.length);
});

test('Host: defaults of Mesos traffic, whole or in part', (t) => {
  const full = { agentPorts: [5051], healthChecks: 'Always' as const };
  t.deepEqual(parseWith(hostSpecSchema, { addresses: ['10.0.0.1'] }), { addresses: ['10.0.0.1'], subnets: [], mesosTraffic: full });
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
  const allocation = { containerId: 'c', interfaceName: 'eth0', network: 'n', host: 'h', sequence: 7 };
  const spec = {
    cidr: '10.0.0.0/26',
    pool: 'p',
    host: 'h',
    sequence: 8,
    allocations: { '10.0.0.63': allocation },
    released: { '10.0.0.1': 5 },
  };
  t.deepEqual<unknown, unknown>(parseWith(blockSpecSchema, spec), spec);
  t.throws(() => parseWith(blockSpecSchema, { ...spec, allocations: { '10.0.0.64': allocation } }), {
    message: 'allocations["10.0.0.64"]: "10.0.0.64" is not of the block 10.0.0.0/26',
  });
  t.throws(() => parseWith(blockSpecSchema, { ...spec, allocations: { x: allocation } }), { message: /"x" is no IP address/ });
  t.throws(() => parseWith(blockSpecSchema, { ...spec, released: { '10.0.0.64': 5 } }), { message: /is not of the block/ });
  t.throws(() => parseWith(blockSpecSchema, { ...spec, allocations: { '10.0.0.1': { host: 'h' } } }), { message: /is nobody's/ });
  t.notThrows(() => parseWith(blockSpecSchema, { ...spec, allocations: { '10.0.0.1': { host: 'h', claim: 'shop/web' } } }));
  t.is(blockName({ cidr: '10.0.0.0/26' }), '10.0.0.0-26');
  t.is(blockName({ cidr: 'FD00:0::/122' }), 'fd00---122');
  t.is(blockName({ cidr: '10.0.0.0/26', network: 'tenant-a' }), 'tenant-a_10.0.0.0-26');
});

test('Reservation: addresses in every form, each in its shortest', (t) => {
  const addresses = ['10.64.0.0/28', '10.64.1.1', '10.64.2.10 - 10.64.2.20', '10.64.4.0-10.64.4.255', 'FD00::1-fd00::9'];
  t.deepEqual(parseWith(reservationSpecSchema, { addresses }), {
    addresses: ['10.64.0.0/28', '10.64.1.1', '10.64.2.10-10.64.2.20', '10.64.4.0/24', 'fd00::1-fd00::9'],
    requests: 'Refuse',
  });
  for (const [address, message] of [
    ['10.64.0.9/28', /has host bits set/],
    ['10.64.0.9-10.64.0.3', /ends before it begins: write "10\.64\.0\.3-10\.64\.0\.9"/],
    ['10.64.0.9-fd00::1', /both ends have to be of one family/],
    ['10.64.0.1-10.64.0.2-10.64.0.3', /is no range/],
    ['web', /is no CIDR/],
    ['web-10.64.0.1', /"web" is no IP address/],
  ] as const) {
    t.throws(() => parseWith(reservationSpecSchema, { addresses: [address] }), { message });
  }
  t.throws(() => parseWith(reservationSpecSchema, { addresses: [] }), { message: /is empty/ });
});

test('IpamConfig and Claim: all may be left out', (t) => {
  t.deepEqual(parseWith(ipamConfigSpecSchema, {}), DEFAULT_IPAM_CONFIG);
  t.throws(() => parseWith(ipamConfigSpecSchema, { cooldownSeconds: -1 }), { message: /^cooldownSeconds: -1 is no cool-down/ });
  t.deepEqual(parseWith(claimSpecSchema, {}), {});
  t.throws(() => parseWith(claimSpecSchema, { addresses: ['10.0.0.1/24'] }), { message: /^addresses\[0\]: .*has a prefix length/ });
});

test('a namespace always carries its name, and no object can say otherwise', (t) => {
  t.deepEqual(namespaceLabels('shop'), { 'kubernetes.io/metadata.name': 'shop' });
  const labels = { team: 'a', 'kubernetes.io/metadata.name': 'other' };
  t.deepEqual(namespaceLabels('shop', { metadata: { labels } }), { team: 'a', 'kubernetes.io/metadata.name': 'shop' });
});
