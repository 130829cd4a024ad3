import type { Flow } from '@weir/kernel';
import type { HostSocket } from '@weir/resources';
import test from 'ava';
import { isForbidden, type Suspects } from './forbidden-flows.ts';

function flow(source: string, destination: string, destinationPort: number): Flow {
  return {
    version: 4,
    protocol: 6,
    original: { source, destination, sourcePort: 40000, destinationPort },
    reply: { source: destination, destination: source, sourcePort: destinationPort, destinationPort: 40000 },
    mark: 0,
    id: destinationPort,
  };
}

const flows = [flow('10.0.0.1', '10.0.0.2', 80), flow('10.0.0.1', '10.0.0.2', 22), flow('10.0.0.3', '10.0.0.4', 22)];
const denySsh = (judged: { destinationPort?: number }): boolean => judged.destinationPort !== 22;
const none = new Set<string>();
const nothing: Suspects = { narrowed: none, gone: none, mapped: [], forwarded: false, services: new Map(), hostAddresses: none };
const forbiddenFlows = (tracked: Flow[], suspects: Suspects, isAllowed: (judged: { destinationPort?: number }) => boolean): Flow[] =>
  tracked.filter((one) => isForbidden(one, suspects, { isAllowed, isAllowedThrough: deny }));
const deny = () => false;
const all = { isAllowed: () => true, isAllowedThrough: deny };

test('only what policy denies is cut, of endpoints that lost something', (t) => {
  t.deepEqual(forbiddenFlows(flows, { ...nothing, narrowed: new Set(['10.0.0.2']) }, denySsh), [flows[1]]);
});

test('an endpoint is looked at as the end that began the flow, too', (t) => {
  t.deepEqual(forbiddenFlows(flows, { ...nothing, narrowed: new Set(['10.0.0.3']) }, denySsh), [flows[2]]);
});

test('flows of an address that was given back are cut, whatever policy says', (t) => {
  t.deepEqual(
    forbiddenFlows(flows, { ...nothing, gone: new Set(['10.0.0.2']) }, () => true),
    [flows[0], flows[1]],
  );
});

test('what passes through is asked for when the host itself may have lost something, and what ends or begins at it is not', (t) => {
  const suspects = { ...nothing, forwarded: true, hostAddresses: new Set(['10.0.0.4']) };
  t.deepEqual(
    forbiddenFlows(flows, suspects, () => true),
    [flows[0], flows[1]],
  );
  t.deepEqual(
    forbiddenFlows(flows, { ...suspects, forwarded: false }, () => true),
    [],
  );
});

/** From outside to port 8080 of a host, which leads to port 80 of a container. */
function mapped(target: string, { protocol = 6, host = '192.168.0.1' } = {}): Flow {
  return {
    version: 4,
    protocol,
    original: { source: '172.16.0.1', destination: host, sourcePort: 40000, destinationPort: 8080 },
    reply: { source: target, destination: '172.16.0.1', sourcePort: target === host ? 8080 : 80, destinationPort: 40000 },
    mark: 0,
    id: 1,
  };
}

test('of a flow by a host port, policy judges where it ends, and DEL cuts it', (t) => {
  const flow = mapped('10.0.0.2');
  const judged: unknown[] = [];
  const isAllowed = (one: unknown) => judged.push(one) === 0;
  t.true(isForbidden(flow, { ...nothing, narrowed: new Set(['10.0.0.2']) }, { ...all, isAllowed }));
  t.deepEqual(judged, [{ source: '172.16.0.1', destination: '10.0.0.2', sourcePort: 40000, destinationPort: 80, protocol: 6 }]);
  t.true(isForbidden(flow, { ...nothing, gone: new Set(['10.0.0.2']) }, all));
  t.false(isForbidden(flow, { ...nothing, gone: new Set(['192.168.0.1']) }, all));
});

test('datagrams that go past a container to which their port now leads are cut', (t) => {
  const UDP = 17;
  const suspects = (change: Partial<HostSocket> = {}): Suspects => ({
    ...nothing,
    mapped: [{ family: 'IPv4', protocol: 'UDP', port: 8080, target: { address: '10.0.0.2', port: 80 }, ...change }],
    hostAddresses: new Set(['192.168.0.1', '127.0.0.1']),
  });
  const isCut = (flow: Flow, change?: Partial<HostSocket>) => isForbidden(flow, suspects(change), all);
  t.true(isCut(mapped('192.168.0.1', { protocol: UDP })), 'to the host itself');
  t.true(isCut(mapped('10.0.0.9', { protocol: UDP })), 'to the container that had the port before');
  t.false(isCut(mapped('10.0.0.2', { protocol: UDP })), 'to the container');
  t.false(isCut(mapped('172.16.0.9', { protocol: UDP, host: '172.16.0.9' })), 'through the host to the same port of another machine');
  t.false(isCut(mapped('192.168.0.1')), 'TCP, which begins anew by itself');
  t.true(isCut(mapped('192.168.0.1', { protocol: UDP }), { address: '192.168.0.1' }));
  t.false(isCut(mapped('192.168.0.1', { protocol: UDP }), { address: '192.168.0.2' }), 'to an address that the mapping is not for');
  t.false(isCut(mapped('192.168.0.1', { protocol: UDP }), { protocol: 'TCP' }));
  t.false(isCut(mapped('192.168.0.1', { protocol: UDP }), { port: 8081 }));
});

test('a flow of UDP to a service goes when it leads to somebody who takes none any more, and only then', (t) => {
  const udp = (destination: string, taker: string, protocol = 17): Flow => {
    const tracked = flow('10.0.0.9', destination, 53);
    return { ...tracked, protocol, reply: { ...tracked.reply, source: taker, sourcePort: 5353 } };
  };
  const socket = { family: 'IPv4', protocol: 'UDP', port: 53, affinity: 'None', targets: [{ address: '10.0.0.2', port: 5353 }] } as const;
  const all = [udp('11.0.0.1', '10.0.0.1'), udp('11.0.0.1', '10.0.0.2'), udp('11.0.0.2', '10.0.0.1'), udp('11.0.0.1', '10.0.0.1', 6)];
  const cut = (services: Suspects['services'], hostAddresses = none) =>
    forbiddenFlows(all, { ...nothing, services, hostAddresses }, () => true);
  t.deepEqual(cut(new Map([['UDP 11.0.0.1 53', { ...socket, address: '11.0.0.1' }]])), [all[0]]);
  t.deepEqual(cut(new Map([['UDP 11.0.0.1 53', undefined]])), [all[0], all[1]], 'the service is gone');
  t.deepEqual(cut(new Map([['UDP IPv4 53', socket]])), []);
  t.deepEqual(cut(new Map([['UDP IPv4 53', socket]]), new Set(['11.0.0.2'])), [all[2]], 'by a port of the host');
  t.deepEqual(
    forbiddenFlows(
      [flow('10.0.0.9', '11.0.0.1', 53)].map((one) => ({ ...one, protocol: 17 })),
      { ...nothing, services: new Map([['UDP 11.0.0.1 53', undefined]]) },
      () => true,
    ),
    [],
  );
});
