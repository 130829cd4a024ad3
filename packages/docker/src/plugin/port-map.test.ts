import test from 'ava';
import { hostPortsOf } from './port-map.ts';

const one = (more: object = {}) => ({ Proto: 6, IP: '', Port: 80, HostIP: '', HostPort: 8080, HostPortEnd: 8080, ...more });
const portsOf = (...mappings: object[]) => hostPortsOf({ 'com.docker.network.portmap': mappings }, ['10.0.0.1']);

test('ports as `docker run -p` has them', (t) => {
  t.deepEqual(portsOf(one(), one({ Proto: 17, HostIP: '127.0.0.1' }), one({ Proto: 132, HostPortEnd: 0 })), [
    { hostPort: 8080, containerPort: 80, protocol: 'TCP' },
    { hostIP: '127.0.0.1', hostPort: 8080, containerPort: 80, protocol: 'UDP' },
    { hostPort: 8080, containerPort: 80, protocol: 'SCTP' },
  ]);
  for (const options of [{}, { 'com.docker.network.portmap': null }]) t.deepEqual(hostPortsOf(options, []), []);
});

test('every address of the host is one entry for each family: that of a family that the container has not is left out', (t) => {
  t.deepEqual(
    portsOf(one({ HostIP: '0.0.0.0' }), one({ HostIP: '::' })).map(({ hostIP }) => hostIP),
    ['0.0.0.0'],
  );
});

test('a port of the host that the driver would have to choose is refused', (t) => {
  for (const mapping of [one({ HostPort: 0, HostPortEnd: 0 }), one({ HostPortEnd: 8090 })])
    t.throws(() => portsOf(mapping), { code: 'EREQUEST', message: /say one port of the host, as in -p 8080:80/ });
  t.throws(() => portsOf(one({ Proto: 1 })), { code: 'EREQUEST', message: /protocol 1 has no ports/ });
  t.throws(() => portsOf({ Proto: 'tcp' }), { code: 'EREQUEST', message: /cannot be read/ });
});
