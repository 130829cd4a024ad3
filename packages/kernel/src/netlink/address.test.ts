import test from 'ava';
import { addAddress, decodeAddress, RTM_NEWADDR } from './address.ts';
import { decodeMessages, type Message, MessageWriter } from './message.ts';

const PF_PHONET = 35;
const PF_MCTP = 45;
const IFA_LOCAL = 2;
/** Of a kernel that is newer than this file. */
const UNKNOWN = 200;

/** As the kernel tells of an address, with these attributes. */
function told(family: number, length: number, attributes: [type: number, value: number[]][]): Message {
  const writer = new MessageWriter();
  writer.message(RTM_NEWADDR, 0, 1, () => {
    writer.struct(8, (view) => {
      view.writeUInt8(family, 0);
      view.writeUInt8(length, 1);
      view.writeUInt32LE(7, 4);
    });
    for (const [type, value] of attributes) writer.data(type, Buffer.from(value));
  });
  return decodeMessages(writer.bytes)[0]!;
}

test('addresses of other families than IP, which a list of all has on kernels that know them, are none', (t) => {
  for (const family of [PF_PHONET, PF_MCTP]) t.is(decodeAddress(told(family, 0, [[IFA_LOCAL, [8]]])), undefined);
});

test('attributes that nobody knows are passed over', (t) => {
  const message = told(2, 24, [
    [UNKNOWN, [1, 2, 3]],
    [IFA_LOCAL, [192, 0, 2, 1]],
    [UNKNOWN + 1, []],
  ]);
  t.like(decodeAddress(message), { link: 7, version: 4, cidr: '192.0.2.1/24' });
});

test('what is asked for is what is told', (t) => {
  for (const cidr of ['192.0.2.1/24', '2001:db8::1/64']) {
    const { type, flags, write } = addAddress(3, cidr);
    const writer = new MessageWriter();
    writer.message(type, flags, 1, () => write(writer));
    t.like(decodeAddress(decodeMessages(writer.bytes)[0]!), { link: 3, cidr, version: cidr.includes(':') ? 6 : 4 });
  }
});
