import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { NftCounters } from '../nftables/nft-counters.ts';
import { NftSocket } from '../nftables/nft-socket.ts';
import { descriptorsLeaked, runWithin, temporaryNamespace } from '../testing/temporary-namespace.ts';
import type { LoggedPacket } from './logged-packet.ts';
import { PacketLog } from './packet-log.ts';

const GROUP = 77;
const WEIR = { family: 'inet', table: 'weir' } as const;

/** A namespace whose packets to itself are counted and logged, with what the log told. */
function open(t: ExecutionContext, options: { limit?: { perSecond: number; burst: number }; onLost?: () => void } = {}) {
  const { limit, onLost = () => t.fail('packets were lost') } = options;
  const namespace = temporaryNamespace(t);
  runWithin(namespace, 'ip', 'link', 'set', 'lo', 'up');
  for (const command of [
    'add table inet weir',
    'add chain inet weir output { type filter hook output priority 0; }',
    'add rule inet weir output counter',
  ])
    runWithin(namespace, 'nft', command);
  using socket = NftSocket.open({ namespace });
  socket.apply(WEIR, [
    {
      kind: 'rules',
      op: 'add',
      chain: 'output',
      rules: [
        { expressions: [...(limit ? [{ kind: 'limit' as const, ...limit }] : []), { kind: 'log', prefix: 'weir test', group: GROUP }] },
      ],
    },
  ]);
  const packets: LoggedPacket[] = [];
  const log = PacketLog.open({
    group: GROUP,
    namespace,
    onPackets: (some) => packets.push(...some),
    onLost,
    onFailure: (error) => t.fail(error.message),
  });
  t.teardown(() => log.close());
  return { namespace, packets, log };
}

async function until(isDone: () => boolean): Promise<void> {
  for (const end = performance.now() + 30_000; !isDone() && performance.now() < end; ) await delay(10);
}

const send = (namespace: string, ...args: string[]) => runWithin(namespace, 'python3', '-c', SENDER, ...args);
const SENDER = `
import socket, sys
address, port, payload, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
sender = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, socket.SOCK_DGRAM)
sender.bind((address, 4000))
for _ in range(count): sender.sendto(b'x' * payload, (address, port))
`;

test('packets that rules log are told of with their headers, of both versions, however long they are', async (t) => {
  const { namespace, packets } = open(t);
  send(namespace, '127.0.0.1', '53', '1000', '1');
  send(namespace, '::1', '54', '4', '1');
  const sent = () => packets.filter(({ destinationPort }) => destinationPort !== undefined);
  // With the kernel's answers, as nobody listens there.
  await until(() => packets.length >= 4);
  const [first, second] = sent();
  const ports = { prefix: 'weir test', protocol: 17, sourcePort: 4000 };
  t.deepEqual(first, { ...ports, version: 4, source: '127.0.0.1', destination: '127.0.0.1', destinationPort: 53, length: 1028 });
  t.deepEqual(second, { ...ports, version: 6, source: '::1', destination: '::1', destinationPort: 54, length: 52 });
  t.like(
    packets.find(({ protocol }) => protocol === 1),
    { icmpType: 3, icmpCode: 3 },
  );
  t.like(
    packets.find(({ protocol }) => protocol === 58),
    { icmpType: 1, icmpCode: 4 },
  );
});

test('a rate that a rule has holds, and what is beyond it is counted still', async (t) => {
  const { namespace, packets } = open(t, { limit: { perSecond: 1, burst: 20 } });
  t.regex(
    runWithin(namespace, 'nft', 'list', 'chain', 'inet', 'weir', 'output'),
    /limit rate 1\/second burst 20 packets log prefix "weir test" group 77/,
  );
  send(namespace, '127.0.0.1', '53', '4', '2000');
  await until(() => packets.length >= 20);
  await delay(300);
  t.true(packets.length >= 20 && packets.length < 40, `${packets.length}`);
  using counters = NftCounters.open({ namespace });
  const { packets: counted, bytes } = counters.read(WEIR, 'output');
  t.true(counted >= 2000 && bytes >= counted * 32, `${counted} packets, ${bytes} bytes`);
  const none = { packets: 0, bytes: 0 };
  t.deepEqual([counters.read(WEIR, 'other'), counters.read({ family: 'inet', table: 'other' }, 'output')], [none, none]);
});

test('packets that come faster than they are read are told of as lost, and those after them are told of again', async (t) => {
  let lost = 0;
  const { namespace, packets } = open(t, { onLost: () => (lost += 1) });
  // Synchronous: the event loop reads nothing meanwhile.
  send(namespace, '127.0.0.1', '53', '4', '40000');
  await until(() => lost > 0);
  t.true(lost > 0);
  send(namespace, '127.0.0.1', '54', '4', '1');
  const isLast = ({ destinationPort }: LoggedPacket) => destinationPort === 54;
  await until(() => packets.some(isLast));
  t.true(packets.some(isLast));
});

test('a group has one listener at a time, and none once it is closed', (t) => {
  const { namespace, log } = open(t);
  const another = () => PacketLog.open({ group: GROUP, namespace, onPackets() {}, onLost() {}, onFailure() {} });
  t.like(t.throws(another), { code: 'EPERM', operation: 'listen to NFLOG group 77' });
  log.close();
  t.is(
    descriptorsLeaked(5, () => another().close()),
    0,
  );
});
