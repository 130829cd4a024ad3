/** What a socket takes at once, without a turn of the event loop. */
import { KernelError } from './error.ts';
import { errno, MSG_DONTWAIT, MSG_NOSIGNAL, send } from './libc.ts';

const EAGAIN = 11;
const EINTR = 4;

/** Sends what stream socket `fd` has room for, and says how many of the bytes that is. Throws KernelError EPIPE when nobody reads any more. */
export function sentByNow(fd: number, bytes: Buffer): number {
  for (let sent = 0; ; ) {
    if (sent === bytes.length) return sent;
    const rest = bytes.subarray(sent);
    const count = send(fd, rest, rest.length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count >= 0) sent += count;
    else if (errno() === EAGAIN) return sent;
    else if (errno() !== EINTR) throw new KernelError(errno(), `send to socket ${fd}`);
  }
}
