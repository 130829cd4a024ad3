import test from 'ava';
import fc from 'fast-check';
import { decodeLoggedPacket, type LoggedPacket } from './logged-packet.ts';

/** As Linux 6.18 sent them, from the header of nfnetlink on; the last is IPv6 with destination options before UDP. */
const SYN =
  '02000009080001000800030015000a00776569722064656e7920706f6c69637900000000080005000000000108000b000000000008000e000000000040000900' +
  '4500003c2be44000400610d67f0000017f0000010fa00050e7dff58300000000a002ffd7fe3000000204ffd70402080ae60afa6b000000000103030a';
const WITH_OPTIONS =
  '0a0000090800010086dd030015000a00776569722064656e7920706f6c69637900000000080005000000000108000b000000000008000e000000000041000900' +
  '6007fc1b0015004000000000000000000000000000000001000000000000000000000000000000011100010400000000915c0035000d2a6f68656c6c6f000000';
const UNREACHABLE =
  '0a0000090800010086dd030015000a00776569722064656e7920706f6c69637900000000080005000000000171000900600c35a900453a4000000000000000000000' +
  '000000000001000000000000000000000000000000010104901c000000006007fc1b00150040000000000000000000000000000000010000000000000000000000' +
  '00000000011100010400000000915c0035000d2a6f68656c6c6f000000';

const decode = (hex: string): LoggedPacket | undefined => decodeLoggedPacket(Buffer.from(hex, 'hex'));
const prefix = 'weir deny policy';
/** A packet as the payload of a message. */
const message = (...packet: string[]): Buffer => {
  const bytes = Buffer.from(packet.join(''), 'hex');
  const header = Buffer.from('020000090000' + '0900', 'hex');
  header.writeUInt16LE(4 + bytes.length, 4);
  return Buffer.concat([header, bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
};

test('what the kernel sends of a packet', (t) => {
  t.deepEqual(decode(SYN), {
    prefix,
    version: 4,
    source: '127.0.0.1',
    destination: '127.0.0.1',
    protocol: 6,
    length: 60,
    sourcePort: 4000,
    destinationPort: 80,
  });
  const over6 = { prefix, version: 6, source: '::1', destination: '::1' };
  t.deepEqual(decode(WITH_OPTIONS), { ...over6, protocol: 17, length: 61, sourcePort: 37212, destinationPort: 53 } as LoggedPacket);
  t.deepEqual(decode(UNREACHABLE), { ...over6, protocol: 58, length: 109, icmpType: 1, icmpCode: 4 } as LoggedPacket);
});

test('a later fragment has no ports: what is in their place is data', (t) => {
  const ipv4 = (flags: string) => message('45000018', `0001${flags}`, '40110000', '0a000001', '0a000002', '0fa0005000040000');
  t.like(decodeLoggedPacket(ipv4('2000')), { sourcePort: 4000, destinationPort: 80 });
  t.deepEqual(decodeLoggedPacket(ipv4('0001')), {
    prefix: '',
    version: 4,
    source: '10.0.0.1',
    destination: '10.0.0.2',
    protocol: 17,
    length: 24,
  });
  const address = (last: string) => `${'0'.repeat(31)}${last}`;
  const ipv6 = (offset: string) => message('60000000', '00102c40', address('1'), address('2'), `1100${offset}00000001`, '0fa0005000080000');
  t.like(decodeLoggedPacket(ipv6('0001')), { protocol: 17, sourcePort: 4000, destinationPort: 80 });
  t.is(decodeLoggedPacket(ipv6('0009'))?.destinationPort, undefined);
  t.is(decodeLoggedPacket(ipv6('0009'))?.protocol, 17);
});

test('what is cut off or garbage is no packet, or one without ports, and never an exception', (t) => {
  t.is(decodeLoggedPacket(message('')), undefined);
  t.is(decodeLoggedPacket(message('0806')), undefined);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 128 }), (bytes) => {
      decodeLoggedPacket(message(Buffer.from(bytes).toString('hex')));
      for (const first of [0x45, 0x4f, 0x60]) decodeLoggedPacket(message(Buffer.from([first, ...bytes]).toString('hex')));
    }),
  );
  t.pass();
});
