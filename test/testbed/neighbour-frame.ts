/** What machines of one link say to each other, as bytes on a wire: ARP (RFC 826), neighbour and router advertisements (RFC 4861). */
import { addressToNumber } from '@weir/resources';

const BROADCAST = 'ff:ff:ff:ff:ff:ff';
const ALL_NODES = { mac: '33:33:00:00:00:01', address: 'ff02::1' };

/** Says that `address` is at `mac`: as an answer, or as a question for an address, which tells as much of who asks. */
export function arpFrame({ mac, address, asks, to = BROADCAST }: { mac: string; address: string; asks?: string; to?: string }): Buffer {
  const operation = asks === undefined ? 2 : 1;
  return Buffer.concat([
    ethernet(mac, to, 0x0806),
    Buffer.from([0, 1, 8, 0, 6, 4, 0, operation]),
    bytesOfMac(mac),
    bytesOf(address, 4),
    bytesOfMac(asks === undefined ? to : '00:00:00:00:00:00'),
    bytesOf(asks ?? address, 4),
  ]);
}

/** Says that `address` is at `mac`, in place of what was known before (override). */
export function neighbourAdvertisement({ mac, source, address }: { mac: string; source: string; address: string }): Buffer {
  const message = Buffer.concat([Buffer.from([136, 0, 0, 0, 0x20, 0, 0, 0]), bytesOf(address, 16), Buffer.from([2, 1]), bytesOfMac(mac)]);
  return toAllNodes(mac, source, message);
}

/** Asks who has `asks`, and says that `source` is at `mac`. */
export function neighbourSolicitation({ mac, source, asks }: { mac: string; source: string; asks: string }): Buffer {
  const message = Buffer.concat([Buffer.from([135, 0, 0, 0, 0, 0, 0, 0]), bytesOf(asks, 16), Buffer.from([1, 1]), bytesOfMac(mac)]);
  return toAllNodes(mac, source, message);
}

/** Says that the sender is a router for everything, and that `prefix` (of 64 bits) is on this link. */
export function routerAdvertisement({ mac, source, prefix }: { mac: string; source: string; prefix: string }): Buffer {
  const day = [0, 1, 0x51, 0x80];
  const message = Buffer.concat([
    Buffer.from([134, 0, 0, 0, 64, 0, 0x1c, 0x20, 0, 0, 0, 0, 0, 0, 0, 0]),
    Buffer.from([1, 1]),
    bytesOfMac(mac),
    Buffer.from([3, 4, 64, 0xc0, ...day, ...day, 0, 0, 0, 0]),
    bytesOf(prefix, 16),
  ]);
  return toAllNodes(mac, source, message);
}

function toAllNodes(mac: string, source: string, message: Buffer): Buffer {
  const ends = Buffer.concat([bytesOf(source, 16), bytesOf(ALL_NODES.address, 16)]);
  const pseudo = Buffer.concat([ends, Buffer.from([0, 0, 0, message.length, 0, 0, 0, 58]), message]);
  message.writeUInt16BE(checksum(pseudo), 2);
  const header = Buffer.from([0x60, 0, 0, 0, 0, message.length, 58, 255]);
  return Buffer.concat([ethernet(mac, ALL_NODES.mac, 0x86dd), header, ends, message]);
}

function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return 0xffff - sum;
}

function ethernet(from: string, to: string, type: number): Buffer {
  return Buffer.concat([bytesOfMac(to), bytesOfMac(from), Buffer.from([type >> 8, type & 0xff])]);
}

function bytesOf(address: string, length: number): Buffer {
  return Buffer.from(
    addressToNumber(address)
      .toString(16)
      .padStart(2 * length, '0'),
    'hex',
  );
}

function bytesOfMac(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(':', ''), 'hex');
}
