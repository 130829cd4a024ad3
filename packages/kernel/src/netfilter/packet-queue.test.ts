import { execFile } from 'node:child_process';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { NftSocket } from '../nftables/nft-socket.ts';
import { runWithin, temporaryNamespace } from '../testing/temporary-namespace.ts';
import { PacketQueue } from './packet-queue.ts';

const NUMBER = 77;

/** A namespace whose UDP packets to itself wait in the queue. */
function queueing(t: ExecutionContext): string {
  const namespace = temporaryNamespace(t);
  runWithin(namespace, 'ip', 'link', 'set', 'lo', 'up');
  runWithin(namespace, 'nft', 'add table inet weir');
  runWithin(namespace, 'nft', 'add chain inet weir output { type filter hook output priority 0; }');
  using socket = NftSocket.open({ namespace });
  const rule = {
    expressions: [
      { kind: 'match' as const, fields: ['meta l4proto' as const], members: [[[17, 17] as const]] },
      { kind: 'queue' as const, number: NUMBER },
    ],
  };
  socket.apply({ family: 'inet', table: 'weir' }, [{ kind: 'rules', op: 'add', chain: 'output', rules: [rule] }]);
  return namespace;
}

/** Sends one packet to itself and says whether it came. */
const SENDER = `
import socket, sys
address = sys.argv[1]
sender = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, socket.SOCK_DGRAM)
sender.bind((address, 4000))
sender.settimeout(5)
sender.sendto(b'x' * 2000, (address, 4000))
assert len(sender.recv(4000)) == 2000
`;
/** Beside this process, which has to look at the packet meanwhile. */
const sendAside = (namespace: string, address: string) =>
  promisify(execFile)('/usr/sbin/ip', ['netns', 'exec', basename(namespace), '/usr/bin/python3', '-c', SENDER, address]);
const send = (namespace: string, address: string) => runWithin(namespace, 'python3', '-c', SENDER, address);

test('a packet waits until it was looked at, as a whole', async (t) => {
  const namespace = queueing(t);
  const lengths: number[] = [];
  using _ = PacketQueue.open({
    number: NUMBER,
    namespace,
    onPacket: (packet) => {
      lengths.push(packet.length);
    },
    onFailure: (error) => t.fail(error.message),
  });
  await sendAside(namespace, '127.0.0.1');
  await sendAside(namespace, '::1');
  t.deepEqual(lengths, [2028, 2048]);
});

test('what nobody listens to goes on', async (t) => {
  const namespace = queueing(t);
  t.notThrows(() => send(namespace, '127.0.0.1'));
  PacketQueue.open({ number: NUMBER, namespace, onPacket: () => undefined, onFailure: () => undefined }).close();
  t.notThrows(() => send(namespace, '127.0.0.1'), 'nor to what was listened to once');
});
