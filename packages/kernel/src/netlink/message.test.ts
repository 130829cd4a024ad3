import test from 'ava';
import fc from 'fast-check';
import {
  attributeList,
  decodeAcknowledgement,
  decodeAttributes,
  decodeMessages,
  decodeString,
  MessageWriter,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLMSG_DONE,
  NLMSG_ERROR,
} from './message.ts';

test('a message is laid out as linux/netlink.h says', (t) => {
  const writer = new MessageWriter();
  writer.message(16, 0x605, 7, () => {
    writer.struct(4, (view) => view.writeUInt8(2, 0));
    writer.string(3, 'eth0');
    writer.nest(18, () => writer.be16(15, 4789));
  });
  t.is(
    writer.bytes.toString('hex', 0, 16),
    ['2c000000', '1000', '0506', '07000000', '00000000'].join(''), // length, type, flags, sequence, port
  );
  t.is(
    writer.bytes.toString('hex', 16),
    ['02000000', '0900', '0300', '6574683000000000', '0c00', '1280', '0600', '0f00', '12b50000'].join(''),
  );
});

test('what is written is read back, whatever the lengths', (t) => {
  const attributes = fc.array(fc.tuple(fc.nat({ max: 0x3fff }), fc.uint8Array({ maxLength: 70 })), { maxLength: 12 });
  const message = fc.record({ type: fc.nat(0xffff), flags: fc.nat(0xffff), sequence: fc.nat(0xffffffff), attributes });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), (messages) => {
      const writer = new MessageWriter(16);
      for (const { type, flags, sequence, attributes } of messages) {
        writer.message(type, flags, sequence, () => {
          for (const [number, value] of attributes) writer.data(number, value);
        });
      }
      const read = decodeMessages(writer.bytes).map(({ type, flags, sequence, payload }) => ({
        type,
        flags,
        sequence,
        attributes: [...attributeList(payload)].map(([number, value]) => [number, Uint8Array.from(value)]),
      }));
      t.deepEqual(read, messages as unknown as typeof read);
    }),
  );
  t.pass();
});

test('a used writer starts from zeroes again', (t) => {
  const writer = new MessageWriter();
  writer.data(1, Buffer.alloc(64, 0xff));
  writer.clear();
  writer.string(1, 'a');
  t.is(writer.bytes.toString('hex'), '0600010061000000');
});

test('an attribute of each kind may be the one that the buffer grows for', (t) => {
  const kinds: ((writer: MessageWriter) => void)[] = [
    (writer) => writer.u8(1, 7),
    (writer) => writer.u16(1, 7),
    (writer) => writer.be16(1, 7),
    (writer) => writer.u32(1, 7),
    (writer) => writer.be32(1, 7),
    (writer) => writer.string(1, 'text'),
    (writer) => writer.data(1, Buffer.from('data')),
  ];
  for (const write of kinds) {
    const writer = new MessageWriter();
    writer.message(16, 0, 1, () => {
      for (let count = 0; count < 5000; count += 1) write(writer);
    });
    t.true(writer.bytes.length > 5000 * 8);
  }
});

test('lengths that do not fit are refused', (t) => {
  t.throws(() => decodeMessages(Buffer.from('20000000100000000000000000000000', 'hex')), { message: /32 bytes at 0 does not fit/ });
  t.throws(() => decodeMessages(Buffer.from('04000000100000000000000000000000', 'hex')), { instanceOf: RangeError });
  t.throws(() => decodeAttributes(Buffer.from('0c00010000000000', 'hex')), { message: /12 bytes at 0 does not fit/ });
  const writer = new MessageWriter();
  t.throws(() => writer.nest(1, () => writer.reserve(70_000)), { message: /at most 65535/ });
});

test('strings end at their NUL, or at their end', (t) => {
  t.is(decodeString(Buffer.from('eth0\0\0\0')), 'eth0');
  t.is(decodeString(Buffer.from('eth0')), 'eth0');
});

/** struct nlmsgerr, with what comes behind it. */
function acknowledgement(errno: number, flags: number, behind: (writer: MessageWriter) => void): ReturnType<typeof decodeAcknowledgement> {
  const writer = new MessageWriter();
  writer.struct(4, (view) => view.writeInt32LE(-errno));
  behind(writer);
  return decodeAcknowledgement({ type: NLMSG_ERROR, flags, sequence: 1, payload: writer.bytes });
}

test('an acknowledgement tells errno, text and offset, the request capped or whole', (t) => {
  const tlvs = (writer: MessageWriter): void => {
    writer.string(1, 'Nexthop has invalid gateway');
    writer.u32(2, 36);
  };
  const want = { errno: 101, text: 'Nexthop has invalid gateway', offset: 36 };
  t.deepEqual(
    acknowledgement(101, NLM_F_CAPPED | NLM_F_ACK_TLVS, (writer) => {
      writer.struct(16);
      tlvs(writer);
    }),
    want,
  );
  t.deepEqual(
    acknowledgement(101, NLM_F_ACK_TLVS, (writer) => {
      writer.message(24, 5, 1, () => writer.struct(12));
      tlvs(writer);
    }),
    want,
  );
  t.deepEqual(
    acknowledgement(0, NLM_F_CAPPED, (writer) => writer.struct(16)),
    { errno: 0, text: undefined, offset: undefined },
  );
});

test('the end of a dump may carry an error', (t) => {
  const payload = Buffer.alloc(4);
  payload.writeInt32LE(-2);
  t.is(decodeAcknowledgement({ type: NLMSG_DONE, flags: 2, sequence: 1, payload }).errno, 2);
  t.is(decodeAcknowledgement({ type: NLMSG_DONE, flags: 2, sequence: 1, payload: Buffer.alloc(0) }).errno, 0);
});
