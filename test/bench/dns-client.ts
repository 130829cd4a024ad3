/** Asks a name server over UDP from the namespace that it runs in: `dns-client.ts SERVER NAME COUNT WINDOW`. Prints seconds and each answer's microseconds. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { encode } from 'dns-packet';

const [server = '', name = '', count = '', window = ''] = process.argv.slice(2);
const total = Number(count);
const question = encode({ type: 'query', id: 0, flags: 0x100, questions: [{ type: 'A', name }] });
const socket = createSocket('udp4');
socket.connect(53, server);
await once(socket, 'connect');

const sent = new Map<number, number>();
const took: number[] = [];
let asked = 0;
const done = Promise.withResolvers<void>();

function ask(): void {
  const id = asked++ & 0xffff;
  const message = Buffer.from(question);
  message.writeUInt16BE(id, 0);
  sent.set(id, performance.now());
  socket.send(message);
}

socket.on('message', (answer) => {
  const id = answer.readUInt16BE(0);
  const at = sent.get(id);
  if (at === undefined) return;
  sent.delete(id);
  if (answer.readUInt16BE(6) === 0) done.reject(new Error(`${server} has no answer for ${name}`));
  took.push((performance.now() - at) * 1000);
  if (took.length === total) done.resolve();
  else if (asked < total) ask();
});

const started = performance.now();
for (let first = 0; first < Number(window); first++) ask();
const lost = setTimeout(() => done.reject(new Error(`${sent.size} questions to ${server} were not answered`)), 30_000);
await done.promise;
clearTimeout(lost);
console.log(JSON.stringify({ seconds: (performance.now() - started) / 1000, took }));
socket.close();
