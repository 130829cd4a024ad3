import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { encode } from 'dns-packet';
import pino from 'pino';
import { framed } from './dns-frames.ts';
import { DnsServer } from './dns-server.ts';

/** Below those that the kernel gives out. */
const PORT = 10_000 + (process.pid % 20_000);
const QUERY = framed(encode({ type: 'query', id: 1, questions: [{ name: 'web.weir', type: 'A' }] }));

test('a client that asks over TCP and reads no answer has its connection no longer than another that is idle', async (t) => {
  let answered = 0;
  const server = await DnsServer.listen({
    addresses: ['127.0.0.9'],
    port: PORT,
    idle: 300,
    respond: () => ({ kind: 'reply', message: Buffer.alloc(60_000), rcode: 'NOERROR' }),
    forward: () => Promise.reject(new Error('none')),
    beforeTcpAnswer: () => {},
    onAnswered: () => {
      answered += 1;
    },
    log: pino({ level: 'silent' }),
  });
  t.teardown(() => server.close());
  const socket = connect({ host: '127.0.0.9', port: PORT });
  t.teardown(() => socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.pause();
  // More answers than the sockets of both ends hold.
  for (let count = 0; count < 1000; count++) socket.write(QUERY);
  for (const end = performance.now() + 30_000; (answered === 0 || server.connections > 0) && performance.now() < end; ) await delay(20);
  t.true(answered > 0 && answered < 1000, `${answered}`);
  t.is(server.connections, 0);
});
