import test from 'ava';
import fc from 'fast-check';
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse, MAX_REQUEST_BYTES, WireFormatError } from './wire-format.ts';

const text = fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\0'));
const name = fc.stringMatching(/^[A-Z_]{1,12}$/);

test('any request comes through', (t) => {
  fc.assert(
    fc.property(name, fc.dictionary(name, text, { noNullPrototype: true }), fc.uint8Array(), (tool, env, bytes) => {
      t.deepEqual(decodeRequest(encodeRequest({ tool, env, stdin: Buffer.from(bytes) })), { tool, env, stdin: Buffer.from(bytes) });
    }),
  );
});

test('the frame as the launcher writes it', (t) => {
  t.is(encodeRequest({ tool: 'weir', env: { A: '1', B: '=' }, stdin: Buffer.from('{}') }).toString(), 'WEIR1\0weir\0A=1\0B==\0\0{}');
  t.deepEqual(decodeRequest(Buffer.from('WEIR1\0weir\0\0\0\0')), { tool: 'weir', env: {}, stdin: Buffer.from('\0\0') });
});

test('any response comes through', (t) => {
  fc.assert(
    fc.property(fc.nat(255), fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (exitCode, stdout, stderr) => {
      t.deepEqual(decodeResponse(encodeResponse({ exitCode, stdout, stderr })), { exitCode, stdout, stderr });
    }),
  );
});

test("what is no launcher's is refused", (t) => {
  for (const frame of [
    '',
    'GET / HTTP/1.1\r\n\r\n',
    'WEIR2\0weir\0\0',
    'WEIR1\0\0',
    'WEIR1\0weir\0A=1\0',
    'WEIR1\0weir\0novalue\0\0',
    'WEIR1\0weir\0=x\0\0',
  ]) {
    t.throws(() => decodeRequest(Buffer.from(frame)), { instanceOf: WireFormatError }, JSON.stringify(frame));
  }
  t.throws(() => decodeRequest(Buffer.alloc(MAX_REQUEST_BYTES + 1)), { message: /at most/ });
  t.throws(() => encodeRequest({ tool: 'weir', env: { A: 'x\0y' }, stdin: Buffer.alloc(0) }), { instanceOf: WireFormatError });
});

test('half a response is refused', (t) => {
  const whole = encodeResponse({ exitCode: 1, stdout: '{"code":7}', stderr: 'x' });
  for (let length = 0; length < whole.length; length++)
    t.throws(() => decodeResponse(whole.subarray(0, length)), { instanceOf: WireFormatError });
});
