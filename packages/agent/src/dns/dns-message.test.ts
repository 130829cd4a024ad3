import test from 'ava';
import { type Answer, encode, type Packet } from 'dns-packet';
import fc from 'fast-check';
import { decodeDnsMessage } from './dns-message.ts';

function datagram(payload: Buffer, { from = 53, to = 4000, six = false } = {}): Buffer {
  const udp = Buffer.alloc(8);
  udp.writeUInt16BE(from, 0);
  udp.writeUInt16BE(to, 2);
  udp.writeUInt16BE(8 + payload.length, 4);
  const ip = Buffer.alloc(six ? 40 : 20);
  ip[0] = six ? 0x60 : 0x45;
  ip[six ? 6 : 9] = 17;
  ip.set(six ? [0xfd, ...Array(14).fill(0), 1, 0xfd, ...Array(14).fill(0), 2] : [10, 0, 0, 1, 10, 0, 0, 2], six ? 8 : 12);
  return Buffer.concat([ip, udp, payload]);
}

const asked = (name: string): Packet => ({ id: 7, questions: [{ type: 'A', name }] });
const answer = (name: string, answers: Answer[]) => decodeDnsMessage(datagram(encode({ ...asked(name), type: 'response', answers })));

test('question and answer are of one exchange, also when the answer spells the name otherwise', (t) => {
  const question = decodeDnsMessage(datagram(encode({ ...asked('www.example.com'), type: 'query' }), { from: 4000, to: 53 }));
  t.like(question, { isAnswer: false, client: '10.0.0.1' });
  const answered = answer('WWW.example.COM', [{ type: 'A', name: 'www.EXAMPLE.com', ttl: 30, data: '192.0.2.1' }])!;
  t.like(answered, { isAnswer: true, client: '10.0.0.2', names: ['www.example.com'], addresses: [{ address: '192.0.2.1', ttl: 30 }] });
  t.is(answered.exchange.replace('10.0.0.2', ''), question!.exchange.replace('10.0.0.1', ''));
});

test('over IPv6, and IPv6 addresses, are canonical', (t) => {
  const answers: Answer[] = [{ type: 'AAAA', name: 'a.test', ttl: 9, data: '2001:DB8:0:0:0:0:0:1' }];
  const message = decodeDnsMessage(datagram(encode({ ...asked('a.test'), type: 'response', answers }), { six: true }));
  t.like(message, { client: 'fd00::2', addresses: [{ address: '2001:db8::1', ttl: 9 }] });
});

test('aliases are followed, with the lowest TTL on the way, and what the question does not lead to is not believed', (t) => {
  const found = answer('a.test', [
    { type: 'A', name: 'c.test', ttl: 300, data: '192.0.2.1' },
    { type: 'CNAME', name: 'b.test', ttl: 20, data: 'c.test' },
    { type: 'CNAME', name: 'a.test', ttl: 60, data: 'b.test' },
    { type: 'A', name: 'bank.test', ttl: 300, data: '192.0.2.66' },
  ]);
  t.like(found, { names: ['a.test', 'b.test', 'c.test'], addresses: [{ address: '192.0.2.1', ttl: 20 }] });
  const circle = answer('a.test', [
    { type: 'CNAME', name: 'a.test', ttl: 60, data: 'b.test' },
    { type: 'CNAME', name: 'b.test', ttl: 60, data: 'a.test' },
  ]);
  t.like(circle, { names: [], addresses: [] });
});

test('whatever else comes is nothing, and does no harm', (t) => {
  const response = encode({ ...asked('a.test'), type: 'response' });
  t.is(decodeDnsMessage(datagram(response, { from: 54 })), undefined);
  t.is(decodeDnsMessage(datagram(encode({ type: 'response', questions: [] }))), undefined);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(60), (bytes, cut) => {
      decodeDnsMessage(Buffer.from(bytes));
      decodeDnsMessage(datagram(Buffer.from(bytes)));
      decodeDnsMessage(datagram(response).subarray(0, cut));
      t.pass();
    }),
  );
});
