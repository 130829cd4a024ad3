import { closeSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import koffi from 'koffi';
import { checked, SOCK_CLOEXEC, SOCK_RAW, socket } from '../libc.ts';
import { inNamespace } from '../namespace.ts';
import { parseAddress } from '../netlink/ip-address.ts';
import { openDescriptors, runWithin, type temporaryNamespace } from '../testing/temporary-namespace.ts';
import { trackedNamespace } from '../testing/tracked-namespace.ts';
import { Conntrack, describeFlow, type Flow } from './conntrack.ts';

/** A namespace whose loopback is up and whose packets are tracked. */
function open(t: Parameters<typeof temporaryNamespace>[0]): { conntrack: Conntrack; namespace: string } {
  const namespace = trackedNamespace(t);
  const conntrack = Conntrack.open({ namespace });
  t.teardown(() => conntrack.close());
  return { conntrack, namespace };
}

const sendUdp = (namespace: string, address: string, port: number): string =>
  runWithin(namespace, 'bash', '-c', `echo x > /dev/udp/${address}/${port}`);

/** One echo request, as ping sends it. */
function ping(namespace: string, address: string, id: number): void {
  const bytes = parseAddress(address);
  const v4 = bytes.length === 4;
  const sendto = koffi
    .load('libc.so.6')
    .func('intptr_t sendto(int fd, const void *data, size_t length, int flags, const void *address, uint32_t size)');
  const fd = inNamespace(namespace, () => checked(socket(v4 ? 2 : 10, SOCK_RAW | SOCK_CLOEXEC, v4 ? 1 : 58), 'open raw socket'));
  try {
    const packet = Buffer.alloc(8);
    packet.writeUInt8(v4 ? 8 : 128, 0);
    packet.writeUInt16BE(id, 4);
    if (v4) packet.writeUInt16BE(0xffff - 0x0800 - id, 2); // RFC 1071; the kernel does ICMPv6's
    const destination = Buffer.alloc(v4 ? 16 : 28);
    destination.writeUInt16LE(v4 ? 2 : 10, 0);
    destination.set(bytes, v4 ? 4 : 8);
    checked(sendto(fd, packet, packet.length, 0, destination, destination.length), `ping ${address}`);
  } finally {
    closeSync(fd);
  }
}

test('flows of both versions are listed with both their tuples', async (t) => {
  const { conntrack, namespace } = open(t);
  t.is(conntrack.count(), 0);
  t.deepEqual(await conntrack.list(), []);
  sendUdp(namespace, '127.0.0.1', 999);
  sendUdp(namespace, '::1', 998);
  t.is(conntrack.count(), 2);
  const [v4, v6] = (await conntrack.list()).sort((a, b) => a.version - b.version) as [Flow, Flow];
  t.like(v4, { version: 4, protocol: 17, mark: 0 });
  t.like(v4.original, { source: '127.0.0.1', destination: '127.0.0.1', destinationPort: 999 });
  t.deepEqual(v4.reply, { source: '127.0.0.1', destination: '127.0.0.1', sourcePort: 999, destinationPort: v4.original.sourcePort! });
  t.like(v6, { version: 6, protocol: 17 });
  t.like(v6.original, { source: '::1', destination: '::1', destinationPort: 998 });
  t.deepEqual(await conntrack.list({ version: 6 }), [v6]);
  t.deepEqual(await conntrack.list({ version: 4 }), [v4]);
});

test('ICMP and ICMPv6 flows are told and forgotten by type, code and id', async (t) => {
  const { conntrack, namespace } = open(t);
  ping(namespace, '127.0.0.1', 77);
  ping(namespace, '::1', 78);
  const flows = (await conntrack.list()).sort((a, b) => a.version - b.version);
  t.deepEqual(
    flows.map(({ protocol, original }) => [protocol, original]),
    [
      [1, { source: '127.0.0.1', destination: '127.0.0.1', icmpType: 8, icmpCode: 0, icmpId: 77 }],
      [58, { source: '::1', destination: '::1', icmpType: 128, icmpCode: 0, icmpId: 78 }],
    ],
  );
  t.is(conntrack.delete(flows), 2);
  t.deepEqual(await conntrack.list(), []);
});

test('a flow is forgotten once, and no other with it', async (t) => {
  const { conntrack, namespace } = open(t);
  for (const port of [991, 992, 993]) sendUdp(namespace, '::1', port);
  const flows = await conntrack.list();
  t.is(flows.length, 3);
  t.is(conntrack.delete(flows[1]!), 1);
  t.deepEqual((await conntrack.list()).map(({ id }) => id).sort(), [flows[0]!.id, flows[2]!.id].sort());
  t.is(conntrack.delete(flows), 2, 'the one that is gone does not count, nor disturb');
  t.is(conntrack.delete([]), 0);
  t.deepEqual(await conntrack.list(), []);
});

test('a new flow with the tuple of an old one is not taken for it', async (t) => {
  const { conntrack, namespace } = open(t);
  ping(namespace, '127.0.0.1', 77);
  const old = await conntrack.list();
  t.is(conntrack.delete(old), 1);
  ping(namespace, '127.0.0.1', 77);
  const [present] = await conntrack.list();
  t.is(conntrack.delete({ ...present!, id: present!.id ^ 1 }), 0);
  t.is((await conntrack.list()).length, 1);
});

test('many flows are listed whole', async (t) => {
  const { conntrack, namespace } = open(t);
  for (let id = 0; id < 2000; id += 1) ping(namespace, '::1', id);
  const flows = await conntrack.list();
  t.is(new Set(flows.map(({ original }) => original.icmpId)).size, 2000);
  t.is(conntrack.delete(flows), 2000);
});

test('a flow is described as conntrack(8) takes it', async (t) => {
  const flow: Flow = {
    version: 4,
    protocol: 6,
    original: { source: '10.0.0.1', destination: '10.0.0.2', sourcePort: 4000, destinationPort: 80 },
    reply: { source: '10.0.0.2', destination: '10.0.0.1', sourcePort: 80, destinationPort: 4000 },
    mark: 0,
    id: 1,
  };
  t.is(describeFlow(flow), '--family ipv4 --proto 6 --orig-src 10.0.0.1 --orig-dst 10.0.0.2 --sport 4000 --dport 80');
});

// Serial: it counts the descriptors of the whole process.
test.serial('listings leave no file descriptor open', async (t) => {
  const { namespace } = open(t);
  const listOnce = async (): Promise<void> => {
    using conntrack = Conntrack.open({ namespace });
    await conntrack.list();
  };
  await listOnce();
  const before = openDescriptors();
  for (let round = 0; round < 100; round += 1) await listOnce();
  await setImmediate();
  t.is(openDescriptors(), before);
});

test('closed in the middle of a listing, it ends all the same', async (t) => {
  const { conntrack, namespace } = open(t);
  sendUdp(namespace, '127.0.0.1', 999);
  const listing = conntrack.list();
  conntrack.close();
  t.is((await listing).length, 1);
});
