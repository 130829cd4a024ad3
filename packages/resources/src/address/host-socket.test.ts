import test from 'ava';
import { parseObject } from '../object.ts';
import { type HostSocket, hostSockets, socketsOverlap, socketText } from './host-socket.ts';

const tcp = { protocol: 'TCP', hostPort: 8080, containerPort: 80 } as const;
const both = ['10.0.0.1', 'fd00::1', '10.0.0.9'];
const texts = (sockets: HostSocket[]) => sockets.map((socket) => `${socketText(socket)} > ${socket.target.address} ${socket.target.port}`);

test('a mapping takes the port of each family that the container has, or of that of its host IP', (t) => {
  t.deepEqual(texts(hostSockets({ addresses: both, hostPorts: [tcp] })), ['TCP 0.0.0.0:8080 > 10.0.0.1 80', 'TCP [::]:8080 > fd00::1 80']);
  const bound = ['192.168.0.1', '0.0.0.0', '::', 'fd99::1'].map((hostIP, index) => ({ ...tcp, hostIP, hostPort: index + 1 }));
  t.deepEqual(texts(hostSockets({ addresses: both, hostPorts: bound })), [
    'TCP 192.168.0.1:1 > 10.0.0.1 80',
    'TCP 0.0.0.0:2 > 10.0.0.1 80',
    'TCP [::]:3 > fd00::1 80',
    'TCP [fd99::1]:4 > fd00::1 80',
  ]);
  t.deepEqual(texts(hostSockets({ addresses: ['fd00::1'], hostPorts: [tcp] })), ['TCP [::]:8080 > fd00::1 80']);
  t.deepEqual(hostSockets({ addresses: both }), []);
});

test('every address is in the way of one of them; other ports, protocols, families and addresses are not', (t) => {
  const socket = (change: object) => hostSockets({ addresses: ['10.0.0.1'], hostPorts: [{ ...tcp, ...change }] })[0]!;
  const one = socket({ hostIP: '192.168.0.1' });
  t.true(socketsOverlap(one, socket({})));
  t.true(socketsOverlap(socket({ hostIP: '0.0.0.0' }), one));
  t.true(socketsOverlap(one, socket({ hostIP: '192.168.0.1', containerPort: 81 })));
  t.false(socketsOverlap(one, socket({ hostIP: '192.168.0.2' })));
  t.false(socketsOverlap(one, socket({ hostPort: 8081 })));
  t.false(socketsOverlap(one, socket({ protocol: 'UDP' })));
  t.false(socketsOverlap(one, hostSockets({ addresses: ['fd00::1'], hostPorts: [tcp] })[0]!));
});

function endpoint(hostPorts: unknown) {
  return {
    apiVersion: 'weir/v1',
    kind: 'Endpoint',
    metadata: { name: 'web-eth0', namespace: 'default' },
    spec: {
      host: 'h1',
      containerId: 'web',
      network: 'weir',
      interfaceName: 'eth0',
      hostInterface: 'weir0',
      addresses: ['10.0.0.1'],
      hostPorts,
    },
  };
}

test('an endpoint says of each host port what is wrong with it', (t) => {
  const refused = (hostPorts: unknown, message: RegExp) => t.throws(() => parseObject(endpoint(hostPorts)), { message });
  refused([{ ...tcp, hostPort: 0 }], /spec\.hostPorts\[0\]\.hostPort.*0 is no port number/s);
  refused([{ ...tcp, containerPort: 65536 }], /hostPorts\[0\]\.containerPort/);
  refused([{ ...tcp, protocol: 'tcp' }], /hostPorts\[0\]\.protocol.*TCP, UDP, SCTP/s);
  refused([{ ...tcp, hostIP: 'localhost' }], /hostPorts\[0\]\.hostIP/);
  refused([{ ...tcp, hostIP: '::' }], /hostPorts\[0\].*leads nowhere.*::/s);
  refused(
    [tcp, { ...tcp, hostIP: '192.168.0.1', containerPort: 81 }],
    /hostPorts\[1\].*TCP 192\.168\.0\.1:8080 is mapped by an earlier entry/s,
  );
  refused([{ ...tcp, port: 1 }], /port/);
  t.notThrows(() => parseObject(endpoint([tcp, { ...tcp, protocol: 'UDP' }, { ...tcp, protocol: 'SCTP', hostIP: '192.168.0.1' }])));
});
