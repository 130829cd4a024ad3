import type { Endpoint } from '@weir/resources';
import test from 'ava';
import { type Found, findOrphans } from './orphans.ts';

function endpoint(containerId: string, hostInterface: string): Endpoint {
  return {
    apiVersion: 'weir/v1',
    kind: 'Endpoint',
    metadata: { name: `${containerId}-eth0`, namespace: 'default', labels: {}, annotations: {} },
    spec: { host: 'h1', containerId, network: 'weir', interfaceName: 'eth0', hostInterface, addresses: ['10.64.0.1'], ports: [] },
  };
}

const sound: Found = {
  endpoints: [endpoint('a', 'weira')],
  links: new Set(['lo', 'eth0', 'weira']),
  held: [{ containerId: 'a', interfaceName: 'eth0', address: '10.64.0.1', namespace: '/ns/a' }],
  isNamespace: (path) => path === '/ns/a',
  isBusy: () => false,
};

test('a sound host has no orphans', (t) => {
  t.deepEqual(findOrphans(sound, 'weir'), { endpoints: [], links: [], owners: [] });
});

test('after a reboot the endpoints are orphans, and with them go their addresses', (t) => {
  const orphans = findOrphans({ ...sound, links: new Set(['lo', 'eth0']), isNamespace: () => false }, 'weir');
  t.deepEqual(
    orphans.endpoints.map((orphan) => orphan.spec.containerId),
    ['a'],
  );
});

test('an ADD that was killed half-way leaves a link and an address, but only a dead namespace frees the address', (t) => {
  const half = { ...sound, endpoints: [] };
  t.deepEqual(findOrphans(half, 'weir'), { endpoints: [], links: ['weira'], owners: [] });
  t.deepEqual(findOrphans({ ...half, isNamespace: () => false }, 'weir').owners, [{ containerId: 'a', interfaceName: 'eth0' }]);
});

test('an address of somebody else’s plugin lives as long as its namespace', (t) => {
  const foreign = { containerId: 'b', interfaceName: 'eth0', address: '10.64.0.2', namespace: '/ns/a' };
  t.deepEqual(findOrphans({ ...sound, held: [...sound.held, foreign] }, 'weir').owners, []);
});

test('what a call is working on is left alone', (t) => {
  t.deepEqual(findOrphans({ ...sound, links: new Set(), isNamespace: () => false, isBusy: () => true }, 'weir').endpoints, []);
});
