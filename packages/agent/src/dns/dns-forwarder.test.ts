import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { decode, encode, type Packet, streamDecode, streamEncode } from 'dns-packet';
import { DnsForwarder } from './dns-forwarder.ts';

const QUESTION = { name: 'example.com', type: 'A' } as const;
const QUERY = encode({ type: 'query', id: 4711, questions: [QUESTION] });

interface Upstream {
  asked: Packet[];
  close(): void;
}

/** Below those that the kernel gives out. */
let nextPort = 10_000 + (process.pid % 20_000);

/** A name server on an address of the loopback; what it makes of a question is sent, all of it. */
async function upstream(
  t: ExecutionContext,
  address: string,
  port: number,
  answer: (query: Packet) => (Packet | Buffer)[],
): Promise<Upstream> {
  const asked: Packet[] = [];
  const bytesOf = (packet: Packet | Buffer) => (Buffer.isBuffer(packet) ? packet : encode(packet));
  const udp: UdpSocket = createSocket('udp4');
  udp.on('message', (message, from) => {
    asked.push(decode(message));
    for (const packet of answer(decode(message))) udp.send(bytesOf(packet), from.port, from.address);
  });
  udp.bind(port, address);
  const tcp: Server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      for (const packet of answer(streamDecode(chunk)!)) socket.write(streamEncode(packet as Packet));
    });
  });
  tcp.listen(port, address);
  await Promise.all([once(udp, 'listening'), once(tcp, 'listening')]);
  const close = () => {
    udp.close();
    tcp.close();
  };
  t.teardown(close);
  return { asked, close };
}

const good =
  (data: string) =>
  (query: Packet): Packet[] => [{ type: 'response', id: query.id!, questions: query.questions!, answers: [{ ...QUESTION, ttl: 7, data }] }];
const failing = (query: Packet): Packet[] => [{ type: 'response', id: query.id!, flags: 2, questions: query.questions! }];

const dataOf = (message: Buffer) => (decode(message).answers ?? []).map((record) => (record as { data: string }).data);

test('the answer comes back under the id of the client, and the server saw another', async (t) => {
  const port = nextPort++;
  const server = await upstream(t, '127.0.0.1', port, good('192.0.2.1'));
  const forwarder = new DnsForwarder({ servers: () => ['127.0.0.1'], timeout: 3000, port });
  for (const transport of ['UDP', 'TCP'] as const) {
    const answer = await forwarder.ask(QUERY, transport);
    t.is(decode(answer).id, 4711);
    t.deepEqual(dataOf(answer), ['192.0.2.1']);
  }
  for (let more = 0; more < 3; more++) await forwarder.ask(QUERY, 'UDP');
  t.true(server.asked.some(({ id }) => id !== 4711));
});

test('forged answers are not taken: another id, another question, no answer at all', async (t) => {
  const port = nextPort++;
  await upstream(t, '127.0.0.1', port, (query) => [
    Buffer.from([1, 2, 3]),
    ...good('192.0.2.66')({ ...query, id: (query.id! + 1) & 0xffff }),
    ...good('192.0.2.66')({ ...query, questions: [{ name: 'example.org', type: 'A' }] }),
    { type: 'query', id: query.id!, questions: query.questions! },
    ...good('192.0.2.1')(query),
  ]);
  t.deepEqual(dataOf(await new DnsForwarder({ servers: () => ['127.0.0.1'], timeout: 3000, port }).ask(QUERY, 'UDP')), ['192.0.2.1']);
});

test('a server that is silent, refuses or is not there makes way for the next, and is asked last for a while', async (t) => {
  const port = nextPort++;
  const silent = await upstream(t, '127.0.0.2', port, () => []);
  await upstream(t, '127.0.0.3', port, failing);
  await upstream(t, '127.0.0.4', port, good('192.0.2.1'));
  const forwarder = new DnsForwarder({ servers: () => ['127.0.0.2', '127.0.0.5', '127.0.0.3', '127.0.0.4'], timeout: 300, port });
  for (let round = 0; round < 3; round++) t.deepEqual(dataOf(await forwarder.ask(QUERY, 'UDP')), ['192.0.2.1']);
  t.is(silent.asked.length, 1);
  t.deepEqual(dataOf(await forwarder.ask(QUERY, 'TCP')), ['192.0.2.1']);
});

test('a server to which the kernel refuses to send makes way for the next, too', async (t) => {
  const port = nextPort++;
  await upstream(t, '127.0.0.2', port, good('192.0.2.1'));
  // As one of IPv6 where no route of IPv6 is: connect(2) fails.
  const refused = '255.255.255.255';
  t.deepEqual(dataOf(await new DnsForwarder({ servers: () => [refused, '127.0.0.2'], timeout: 300, port }).ask(QUERY, 'UDP')), [
    '192.0.2.1',
  ]);
  await t.throwsAsync(new DnsForwarder({ servers: () => [refused], timeout: 300, port }).ask(QUERY, 'UDP'), { code: 'EACCES' });
});

test('when nobody knows better, the answer of one who fails is the answer; when nobody answers, there is none', async (t) => {
  const port = nextPort++;
  await upstream(t, '127.0.0.2', port, failing);
  const forwarder = new DnsForwarder({ servers: () => ['127.0.0.2', '127.0.0.5'], timeout: 300, port });
  t.like(decode(await forwarder.ask(QUERY, 'UDP')), { rcode: 'SERVFAIL' } as object);
  await t.throwsAsync(new DnsForwarder({ servers: () => ['127.0.0.5'], timeout: 300, port }).ask(QUERY, 'UDP'));
  await t.throwsAsync(new DnsForwarder({ servers: () => ['127.0.0.5'], timeout: 300, port }).ask(QUERY, 'TCP'));
  await t.throwsAsync(new DnsForwarder({ servers: () => [], timeout: 300, port }).ask(QUERY, 'UDP'), { message: /no name server/ });
});
