/** Who is at the other end of a unix socket (SO_PEERCRED of unix(7)). */
import { checked, getsockopt, SOL_SOCKET } from './libc.ts';

const SO_PEERCRED = 17;

export interface PeerCredentials {
  pid: number;
  uid: number;
  gid: number;
}

/** Process, user and group that connected, or listens, at the other end of unix socket `fd`. Throws KernelError. */
export function peerCredentials(fd: number): PeerCredentials {
  const ucred = Buffer.alloc(12);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(ucred.length);
  checked(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ucred, length), `read the peer's credentials of socket ${fd}`);
  return { pid: ucred.readInt32LE(0), uid: ucred.readUInt32LE(4), gid: ucred.readUInt32LE(8) };
}
