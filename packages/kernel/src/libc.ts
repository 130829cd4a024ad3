/**
 * libc, as far as this package needs it. The functions give back what C gives back; `checked` turns -1 into a KernelError.
 *
 * Buffers pass as plain pointers, without a copy. Structures are written by hand where they are used: koffi's named types live
 * in one table for the whole process, so that two copies of this module could not both declare them.
 */
import koffi from 'koffi';
import { KernelError } from './error.ts';

const libc = koffi.load('libc.so.6');

export const socket: (domain: number, type: number, protocol: number) => number = libc.func(
  'int socket(int domain, int type, int protocol)',
);
export const bind: (fd: number, address: Buffer, length: number) => number = libc.func(
  'int bind(int fd, const void *address, uint32_t length)',
);
export const listen: (fd: number, backlog: number) => number = libc.func('int listen(int fd, int backlog)');
export const accept4: (fd: number, address: null, length: null, flags: number) => number = libc.func(
  'int accept4(int fd, void *address, void *length, int flags)',
);
/** @param descriptors an array of struct pollfd */
export const poll: (descriptors: Buffer, count: number, milliseconds: number) => number = libc.func(
  'int poll(void *descriptors, unsigned long count, int milliseconds)',
);
export const connect: (fd: number, address: Buffer, length: number) => number = libc.func(
  'int connect(int fd, const void *address, uint32_t length)',
);
export const setsockopt: (fd: number, level: number, name: number, value: Buffer, length: number) => number = libc.func(
  'int setsockopt(int fd, int level, int name, const void *value, uint32_t length)',
);
export const getsockopt: (fd: number, level: number, name: number, value: Buffer, length: Buffer) => number = libc.func(
  'int getsockopt(int fd, int level, int name, void *value, void *length)',
);
const sendFunction = libc.func('intptr_t send(int fd, const void *data, size_t length, int flags)');
export const send: (fd: number, data: Buffer, length: number, flags: number) => number = sendFunction;
const recvFunction = libc.func('intptr_t recv(int fd, void *data, size_t length, int flags)');
export const recv: (fd: number, data: Buffer, length: number, flags: number) => number = recvFunction;
/** `ioctl` with a pointer to a structure. */
export const ioctlPointer: (fd: number, request: number, argument: Buffer) => number = libc.func(
  'int ioctl(int fd, unsigned long request, void *argument)',
);
/** `ioctl` with a number, or with none (0). */
export const ioctlNumber: (fd: number, request: number, argument: number) => number = libc.func(
  'int ioctl(int fd, unsigned long request, long argument)',
);
export const fcntl: (fd: number, command: number, argument: number) => number = libc.func('int fcntl(int fd, int command, long argument)');
export const setns: (fd: number, type: number) => number = libc.func('int setns(int fd, int type)');
export const unshare: (flags: number) => number = libc.func('int unshare(int flags)');
export const mount: (source: string, target: string, type: string, flags: number, data: null) => number = libc.func(
  'int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)',
);
export const umount2: (target: string, flags: number) => number = libc.func('int umount2(const char *target, int flags)');
export const memfdCreate: (name: string, flags: number) => number = libc.func('int memfd_create(const char *name, uint32_t flags)');
export const flock: (fd: number, operation: number) => number = libc.func('int flock(int fd, int operation)');

/** `send` on a worker thread of libuv. Rejects with the plain errno number, as only the callback's turn knows it. */
export function sendOffThread(fd: number, data: Buffer, length: number): Promise<void> {
  return new Promise((resolve, reject) => {
    sendFunction.async(fd, data, length, 0, (_: unknown, sent: number) => (sent < 0 ? reject(koffi.errno()) : resolve()));
  });
}

/** `recv` on a worker thread; how many bytes came. Rejects as `sendOffThread` does. */
export function recvOffThread(fd: number, data: Buffer, length: number, flags: number): Promise<number> {
  return new Promise((resolve, reject) => {
    recvFunction.async(fd, data, length, flags, (_: unknown, received: number) =>
      received < 0 ? reject(koffi.errno()) : resolve(received),
    );
  });
}

/** errno of the last call. */
export function errno(): number {
  return koffi.errno();
}

/** The result of a libc call, or a KernelError that names the operation when it was -1. */
export function checked(result: number, operation: string): number {
  if (result < 0) throw new KernelError(koffi.errno(), operation);
  return result;
}

export const AF_NETLINK = 16;
export const SOCK_RAW = 3;
export const SOCK_STREAM = 1;
export const SOCK_CLOEXEC = 0o2000000;
export const SOCK_NONBLOCK = 0o4000;
export const SOL_SOCKET = 1;
export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;
export const MSG_TRUNC = 0x20;
