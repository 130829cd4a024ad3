/** What has arrived on a socket, without a turn of the event loop. */
import { KernelError } from './error.ts';
import { errno, MSG_DONTWAIT, poll, recv } from './libc.ts';

const EAGAIN = 11;
const EINTR = 4;
const POLLIN = 1;
/** At most so many are taken: more may be on its way, without end. */
const BYTES = 64 * 1024;

export interface ReceivedByNow {
  bytes: Buffer;
  /** Whether the other end has sent all that it will, and all of it is in `bytes`. */
  ended: boolean;
}

/**
 * Takes what is there of stream socket `fd`, which may be nothing. Throws KernelError.
 *
 * @param patience how long to wait for the end, ms, however the parts come; nothing else is done meanwhile
 */
export function receivedByNow(fd: number, { patience = 0 }: { patience?: number } = {}): ReceivedByNow {
  const received = Buffer.allocUnsafeSlow(BYTES);
  const tooLate = performance.now() + patience;
  for (let length = 0; ; ) {
    const room = received.subarray(length);
    const count = room.length === 0 ? undefined : recv(fd, room, room.length, MSG_DONTWAIT);
    if (count === undefined || count === 0) return { bytes: received.subarray(0, length), ended: count === 0 };
    if (count > 0) length += count;
    else if (errno() === EAGAIN) {
      const left = tooLate - performance.now();
      if (left <= 0 || !isReadableWithin(fd, Math.ceil(left))) return { bytes: received.subarray(0, length), ended: false };
    } else if (errno() !== EINTR) throw new KernelError(errno(), `receive from socket ${fd}`);
  }
}

function isReadableWithin(fd: number, milliseconds: number): boolean {
  const descriptor = Buffer.alloc(8); // struct pollfd: fd, events, revents
  descriptor.writeInt32LE(fd, 0);
  descriptor.writeInt16LE(POLLIN, 4);
  return poll(descriptor, 1, milliseconds) > 0;
}
