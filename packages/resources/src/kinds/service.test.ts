import test from 'ava';
import { parseObject, type Service } from '../object.ts';
import { serviceBackends, targetPortOf } from '../service-backends.ts';
import { parseWith } from '../validation/parse-with.ts';
import { isReady } from './endpoint.ts';
import { familiesOf, serviceAddresses, serviceSpecSchema } from './service.ts';

const parse = (spec: object) => parseWith(serviceSpecSchema, spec);
const ports = [{ port: 80 }];

test('Service: defaults, and canonical addresses', (t) => {
  t.deepEqual(parse({ selector: 'app == "web"', ports: [{ port: '80', targetPort: '8000' }], addresses: ['FD01:C::1'] }), {
    selector: 'app == "web"',
    ports: [{ protocol: 'TCP', port: 80, targetPort: 8000 }],
    addresses: ['fd01:c::1'],
    sessionAffinity: 'None',
  });
});

test('Service: what leads nowhere, or is there twice, is refused with the path', (t) => {
  const refusals: [object, RegExp][] = [
    [{ ports }, /^selector: there is neither "selector" nor "backends"/],
    [{ selector: 'all()', ports: [] }, /^ports: \[\] is empty/],
    [{ backends: [], ports }, /^backends: \[\] is empty/],
    [{ selector: 'all()', ports: [{ port: 0 }] }, /^ports\[0\]\.port: 0 is no port number/],
    [{ selector: 'all()', ports: [{ port: 80, targetPort: '80:90' }] }, /^ports\[0\]\.targetPort: "80:90" is a range/],
    [{ selector: 'all()', ports: [{ port: 80 }, { port: 80, protocol: 'TCP' }] }, /^ports\[1\]: TCP port 80 is taken/],
    [
      {
        selector: 'all()',
        ports: [
          { port: 80, name: 'a' },
          { port: 81, name: 'a' },
        ],
      },
      /^ports\[1\]: the name a is taken/,
    ],
    [{ selector: 'all()', ports: [{ port: 80, hostPort: 22 }] }, /^ports\[0\]\.hostPort: 22 is the hosts' own/],
    [{ selector: 'all()', ports: [{ port: 80, hostPort: 2379 }] }, /^ports\[0\]\.hostPort: 2379 is the hosts' own/],
    [{ backends: ['192.0.2.1'], ports: [{ port: 80, targetPort: 'http' }] }, /^ports\[0\]\.targetPort: "http" is a name/],
    [{ ports, backends: ['192.0.2.1', '169.254.169.254'] }, /^backends\[1\]: "169\.254\.169\.254" is no address that a host could route/],
    [{ selector: 'all()', ports, addresses: ['127.0.0.1'] }, /^addresses\[0\]: "127\.0\.0\.1" is no address that a host could route/],
    [{ selector: 'all()', ports, addresses: ['11.0.0.1', '11.0.0.2'] }, /^addresses\[1\]: "11\.0\.0\.2" is the second IPv4 address/],
    [{ selector: 'all()', ports, addresses: ['11.0.0.1'], families: ['IPv6'] }, /^families: leaves out IPv4/],
    [{ selector: 'all()', ports, sessionAffinity: 'clientip' }, /^sessionAffinity: "clientip" is not allowed/],
  ];
  for (const [spec, message] of refusals) t.throws(() => parse(spec), { code: 'EINVALID', message }, JSON.stringify(spec));
  t.notThrows(() => parse({ selector: 'all()', ports: [{ port: 53 }, { port: 53, protocol: 'UDP' }] }));
});

test('families: those asked for, those of the addresses, else both', (t) => {
  t.deepEqual(familiesOf({}), ['IPv4', 'IPv6']);
  t.deepEqual(familiesOf({ addresses: ['fd01:c::1'] }), ['IPv6']);
  t.deepEqual(familiesOf({ addresses: ['11.0.0.1'], families: ['IPv6', 'IPv4'] }), ['IPv4', 'IPv6']);
});

test('ready is who says so, else who is healthy, else who has no health checks; never who is held closed', (t) => {
  t.true(isReady({}));
  t.true(isReady({ mesos: {} }));
  t.false(isReady({ mesos: { healthy: false } }));
  t.false(isReady({ ready: false, mesos: { healthy: true } }));
  t.true(isReady({ ready: true, mesos: { healthy: false } }));
  t.false(isReady({ ready: true, waitsForLabels: true }));
});

test('backends: endpoints of its own namespace and of the shared address space, then what is outside', (t) => {
  const endpoint = (name: string, namespace: string, spec: object = {}) =>
    parseObject({
      apiVersion: 'weir/v1',
      kind: 'Endpoint',
      metadata: { name, namespace, labels: { app: 'web' } },
      spec: {
        host: 'h',
        containerId: name,
        network: 'n',
        interfaceName: 'eth0',
        hostInterface: `weir${name}`,
        addresses: ['10.0.0.1', '10.0.0.2', 'fd00::1'],
        ports: [{ name: 'http', protocol: 'TCP', port: 8000 }],
        ...spec,
      },
    });
  const service = parseObject({
    apiVersion: 'weir/v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { selector: 'app == "web"', backends: ['192.0.2.1'], ports: [{ port: 80, targetPort: 'http' }] },
  }) as Service;
  const endpoints = [
    endpoint('a', 'shop'),
    endpoint('b', 'other'),
    endpoint('c', 'shop', { addressSpace: 'Own' }),
    endpoint('d', 'shop', { ready: false }),
  ];
  t.deepEqual(
    serviceBackends(service, endpoints as never).map((one) => [one.endpoint?.metadata.name, one.addresses.join(), one.ready]),
    [
      ['a', '10.0.0.1,fd00::1', true],
      ['d', '10.0.0.1,fd00::1', false],
      [undefined, '192.0.2.1', true],
    ],
  );
  const [port] = service.spec.ports;
  t.is(targetPortOf(port!, [{ name: 'http', protocol: 'TCP', port: 8000 }]), 8000);
  t.is(targetPortOf(port!, [{ name: 'http', protocol: 'UDP', port: 8000 }]), undefined);
  t.is(targetPortOf({ port: 80, protocol: 'TCP' }, []), 80);
  t.deepEqual(serviceAddresses(service), []);
  t.deepEqual(serviceAddresses({ status: { addresses: ['11.0.0.1'] } }), ['11.0.0.1']);
});
