import { execFile, spawnSync } from 'node:child_process';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { MessageWriter } from '../netlink/message.ts';
import { compileRule } from '../nftables/compile-rule.ts';
import { NftSocket } from '../nftables/nft-socket.ts';
import { runWithin, temporaryNamespace } from '../testing/temporary-namespace.ts';
import { PacketQueue } from './packet-queue.ts';

const NUMBER = 77;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NLA_F_NESTED = 0x8000;
/** nft colours the headers of attributes. */
const ANSI_COLOUR = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

/** Whether nft itself can load `queue` here: many kernels have queues as iptables' target alone (CONFIG_NFT_QUEUE is not set). */
const HAS_OWN =
  spawnSync('unshare', ['--net', '/usr/sbin/nft', 'add table inet try; add chain inet try try; add rule inet try try queue num 1 bypass'])
    .status === 0;
const FORMS = [
  { name: "nft's own expression", asTarget: false, loaded: /\[ queue num 77 bypass \]/ },
  { name: "iptables' target", asTarget: true, loaded: /\[ target name NFQUEUE / },
];

/** A namespace whose UDP packets to itself wait in the queue. */
function queueing(t: ExecutionContext, asTarget?: boolean): string {
  const namespace = temporaryNamespace(t);
  runWithin(namespace, 'ip', 'link', 'set', 'lo', 'up');
  runWithin(namespace, 'nft', 'add table inet weir');
  runWithin(namespace, 'nft', 'add chain inet weir output { type filter hook output priority 0; }');
  using socket = NftSocket.open({ namespace });
  const rule = {
    expressions: [
      { kind: 'match' as const, fields: ['meta l4proto' as const], members: [[[17, 17] as const]] },
      { kind: 'queue' as const, number: NUMBER, ...(asTarget !== undefined && { asTarget }) },
    ],
  };
  socket.apply({ family: 'inet', table: 'weir' }, [{ kind: 'rules', op: 'add', chain: 'output', rules: [rule] }]);
  return namespace;
}

/** What the kernel has: nft's listing shows either in the same words. */
const expressionsIn = (namespace: string) => runWithin(namespace, 'nft', '--debug=netlink', 'list', 'table', 'inet', 'weir');

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

for (const { name, asTarget, loaded } of FORMS) {
  if (!asTarget && !HAS_OWN) {
    test.skip(`${name}: this kernel refuses it to nft, too (CONFIG_NFT_QUEUE)`, () => {});
    continue;
  }
  test(`a packet waits until it was looked at, as a whole, by ${name}`, async (t) => {
    const namespace = queueing(t, asTarget);
    t.regex(expressionsIn(namespace), loaded);
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

  test(`what nobody listens to goes on, by ${name}`, async (t) => {
    const namespace = queueing(t, asTarget);
    t.notThrows(() => send(namespace, '127.0.0.1'));
    PacketQueue.open({ number: NUMBER, namespace, onPacket: () => undefined, onFailure: () => undefined }).close();
    t.notThrows(() => send(namespace, '127.0.0.1'), 'nor to what was listened to once');
  });
}

test("the rule is nft's own where the kernel has that, and iptables' otherwise", (t) => {
  const { loaded } = FORMS.find(({ asTarget }) => asTarget !== HAS_OWN)!;
  t.regex(expressionsIn(queueing(t)), loaded);
});

test("nft's own expression has the bytes that nft itself sends, also to a kernel that then refuses them", (t) => {
  const writer = new MessageWriter();
  const { expressions } = compileRule({ expressions: [{ kind: 'queue', number: NUMBER }] }, 'inet');
  for (const { name, write } of expressions) {
    writer.string(NFTA_EXPR_NAME, name);
    writer.nest(NFTA_EXPR_DATA, () => write(writer, () => 0));
  }
  const script = `add table inet try; add chain inet try try; add rule inet try try queue num ${NUMBER} bypass`;
  const { stdout, stderr } = spawnSync('unshare', ['--net', '/usr/sbin/nft', '--debug=mnl', script], { encoding: 'utf8' });
  t.true(attributesSent(`${stdout}${stderr}`).includes(writer.bytes.toString('hex')));
});

/** The netlink attributes that nft says it sends, in hexadecimal: in each line one of four bytes, or the length, flags and type of one. */
function attributesSent(printed: string): string {
  const plain = printed.replaceAll(ANSI_COLOUR, '');
  const lines = plain.matchAll(/^\|(?<length>\d{5})\|(?<flags>..)\|(?<type>\d{5})\||^\| (?<data>(?:[0-9a-f]{2} ){4}) \|\t\| +data/gm);
  return Array.from(lines, ({ groups }) => {
    if (groups!.data !== undefined) return groups!.data.replaceAll(' ', '');
    const header = Buffer.alloc(4);
    header.writeUInt16LE(Number(groups!.length), 0);
    header.writeUInt16LE(Number(groups!.type) | (groups!.flags!.includes('N') ? NLA_F_NESTED : 0), 2);
    return header.toString('hex');
  }).join('');
}
