import test from 'ava';
import { encode } from 'dns-packet';
import fc from 'fast-check';
import { decodeMessage } from './decode-message.ts';

const MOST = 2_000;
const ROOT_OPAQUE = [0, 0, 10, 0, 1, 0, 0, 0, 0];
const CNAME = [0, 5, 0, 1, 0, 0, 0, 0, 0, 2];

/** A message whose first record hides a chain of pointers, to whose end the names of all others point: as large as one gets. */
function chained(length: number, others: number): Buffer {
  const message = Buffer.alloc(65_535);
  let [at, target] = [12, 0];
  const write = (...bytes: number[]) => {
    message.set(bytes, at);
    at += bytes.length;
  };
  const pointer = (to: number) => [0xc0 | (to >> 8), to & 0xff];
  write(1, 0x61, 0, 0, 1, 0, 1, ...ROOT_OPAQUE);
  const size = 3 + 2 * length;
  write(size >> 8, size & 0xff);
  target = at;
  write(1, 0x62, 0);
  for (let count = 0; count < length; count += 1) {
    const here = at;
    write(...pointer(target));
    target = here;
  }
  for (let count = 0; count < others; count += 1) write(...pointer(target), ...CNAME, ...pointer(target));
  message.writeUInt16BE(1, 4);
  message.writeUInt16BE(1 + others, 6);
  return message.subarray(0, at);
}

test('a chain of pointers is not followed, and one as programs might write it is', (t) => {
  t.is(decodeMessage(chained(8_100, 1_500), MOST), undefined);
  t.is(decodeMessage(chained(8, 3), MOST), undefined);
  t.is(decodeMessage(chained(7, 3), MOST)?.answers?.length, 4);
});

test('a message of more records than anybody needs is not read, whatever the header says is in it', (t) => {
  const answers = Array.from({ length: 40 }, (_, index) => ({ type: 'A' as const, name: 'a.test', data: `10.0.0.${index}` }));
  const message = encode({ type: 'response', questions: [{ type: 'A', name: 'a.test' }], answers });
  t.is(decodeMessage(message, 41)?.answers?.length, 40);
  t.is(decodeMessage(message, 40), undefined);
  message.writeUInt16BE(0xffff, 10);
  t.is(decodeMessage(message, MOST), undefined);
});

test('addresses and signatures look like pointers, and are none', (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 16, maxLength: 16 }), { maxLength: 200 }), (addresses) => {
      const answers = addresses.map((bytes) => ({
        type: 'AAAA' as const,
        name: 'a.test',
        data: Buffer.from(bytes).toString('hex').match(/.{4}/g)!.join(':'),
      }));
      const message = encode({ type: 'response', questions: [{ type: 'AAAA', name: 'a.test' }], answers });
      t.is(decodeMessage(message, MOST)?.answers?.length, addresses.length);
    }),
    { numRuns: 50 },
  );
});

test('any bytes are a message or none', (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => t.notThrows(() => decodeMessage(Buffer.from(bytes), MOST))));
});
