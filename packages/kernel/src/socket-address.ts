import { isIPv6 } from 'node:net';

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;

/** sockaddr_in or sockaddr_in6 (linux/in.h, linux/in6.h). */
export function socketAddress(address: string, port: number): Buffer {
  const isSix = isIPv6(address);
  const bytes = Buffer.alloc(isSix ? 28 : 16);
  bytes.writeUInt16LE(isSix ? AF_INET6 : AF_INET, 0);
  bytes.writeUInt16BE(port, 2);
  Buffer.from(isSix ? ipv6Bytes(address) : address.split('.').map(Number)).copy(bytes, isSix ? 8 : 4);
  return bytes;
}

/** sockaddr_un (linux/un.h). Throws RangeError for a path that does not fit. */
export function unixAddress(path: string): Buffer {
  const bytes = Buffer.alloc(110);
  const length = Buffer.byteLength(path);
  if (length > 107) throw new RangeError(`the path of a unix socket has at most 107 bytes, ${path} has ${length}`);
  bytes.writeUInt16LE(AF_UNIX, 0);
  bytes.write(path, 2);
  return bytes;
}

function ipv6Bytes(address: string): number[] {
  const words = (text: string) => (text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16)));
  const [head = '', tail = ''] = address.split('::');
  const [first, last] = [words(head), words(tail)];
  const all = [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
  return all.flatMap((word) => [word >> 8, word & 0xff]);
}
