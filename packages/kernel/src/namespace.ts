/**
 * Network namespaces: open, make, remove, and run a function within one.
 *
 * setns(2) moves one thread. So a synchronous function sees the other namespace, and nothing else does: other threads of JavaScript, and
 * libuv's worker threads (fs promises, DNS), stay at home. That is also why the function must not be async. A thread begins in the namespace of the
 * one that starts it, and libuv's begin when first needed: so these are started before the first visit.
 */
import { access, closeSync, mkdirSync, openSync, realpathSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { KernelError } from './error.ts';
import { checked, errno, ioctlNumber, mount, setns, umount2, unshare } from './libc.ts';

const CLONE_NEWNET = 0x40000000;
const NS_GET_NSTYPE = 0xb703; // linux/nsfs.h
const SIOCGSKNS = 0x894c; // linux/sockios.h
const MS_BIND = 0x1000;
const MS_REC = 0x4000;
const MS_SHARED = 0x100000;
const MNT_DETACH = 2;
const EINVAL = 22;
const IPROUTE_FOLDER = '/run/netns';

/** An open network namespace. It stays alive, whatever happens to its path, until closed. */
export class NamespaceHandle {
  readonly fd: number;
  #open = true;

  constructor(fd: number) {
    this.fd = fd;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A namespace as callers name it: a path such as `/run/netns/blue` or `/proc/<pid>/ns/net`, or an open handle. */
export type Namespace = string | NamespaceHandle;

/** Opens a namespace by its path. Throws KernelError: ENOENT, or EINVAL when the file is not a network namespace. */
export function openNamespace(path: string): NamespaceHandle {
  const operation = `open network namespace ${path}`;
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    throw KernelError.from(error, operation);
  }
  if (ioctlNumber(fd, NS_GET_NSTYPE, 0) !== CLONE_NEWNET) {
    closeSync(fd);
    throw new KernelError(EINVAL, operation, { extendedAck: 'the file is not a network namespace' });
  }
  return new NamespaceHandle(fd);
}

/** The namespace that this thread is in. */
export function currentNamespace(): NamespaceHandle {
  try {
    return new NamespaceHandle(openSync('/proc/thread-self/ns/net', 'r'));
  } catch (error) {
    throw KernelError.from(error, 'open the current network namespace');
  }
}

/** The namespace that a socket lives in, whatever its path was: ioctl SIOCGSKNS. */
export function namespaceOfSocket(fd: number): NamespaceHandle {
  return new NamespaceHandle(checked(ioctlNumber(fd, SIOCGSKNS, 0), `find the network namespace of socket ${fd}`));
}

/**
 * Runs a synchronous function within a namespace, and comes back also when it throws. Sockets opened inside stay inside.
 * Throws TypeError for a function that gives back a promise: its later parts would run at home.
 */
export function inNamespace<T>(namespace: Namespace, run: () => T): T {
  startWorkerThreads();
  const target = typeof namespace === 'string' ? openNamespace(namespace) : namespace;
  try {
    const home = whereWeAre();
    checked(setns(target.fd, CLONE_NEWNET), `enter network namespace ${describe(namespace)}`);
    here = target;
    let result: T;
    try {
      result = run();
    } finally {
      comeBack(home);
    }
    if (typeof (result as { then?: unknown } | null | undefined)?.then === 'function') {
      throw new TypeError('inNamespace takes a synchronous function: what follows an await would run in the original namespace');
    }
    return result;
  } finally {
    if (typeof namespace === 'string') target.close();
  }
}

/** `inNamespace`, or here when no namespace is named. */
export function inOptionalNamespace<T>(namespace: Namespace | undefined, run: () => T): T {
  return namespace === undefined ? run() : inNamespace(namespace, run);
}

/**
 * Makes a namespace and binds it to a path, as `ip netns add` does (and, in /run/netns, so that `ip netns` sees it).
 * Only the loopback is in it, down. Throws KernelError: EEXIST when the path exists, ENOENT when its folder (other than /run/netns) does not.
 */
export function createNamespace(path: string): void {
  const operation = `ip netns add ${path}`;
  try {
    if (dirname(path) === IPROUTE_FOLDER) mkdirSync(IPROUTE_FOLDER, { recursive: true });
    shareFolder(dirname(path));
    closeSync(openSync(path, 'wx', 0o444));
  } catch (error) {
    throw KernelError.from(error, operation);
  }
  startWorkerThreads();
  try {
    const home = whereWeAre();
    checked(unshare(CLONE_NEWNET), operation);
    try {
      checked(mount('/proc/thread-self/ns/net', path, 'none', MS_BIND, null), operation);
    } finally {
      comeBack(home);
    }
  } catch (error) {
    unlinkSync(path);
    throw error;
  }
}

/**
 * Unbinds and removes the path of a namespace, as `ip netns delete`. The namespace itself dies with its last process, socket and
 * handle. Throws KernelError ENOENT when the path does not exist; a path that is no mount any more is removed without complaint.
 */
export function deleteNamespace(path: string): void {
  const operation = `ip netns delete ${path}`;
  if (umount2(path, MNT_DETACH) < 0 && errno() !== EINVAL) throw new KernelError(errno(), operation);
  try {
    unlinkSync(path);
  } catch (error) {
    throw KernelError.from(error, operation);
  }
}

let workerThreadsStarted = false;

/** libuv starts all of its worker threads with the first work for any of them, before the call that brings it returns. */
function startWorkerThreads(): void {
  if (workerThreadsStarted) return;
  workerThreadsStarted = true;
  access('/', () => undefined);
}

/** Of the namespace that this thread is in. Nothing but a visit moves it, so it is asked for once; a visit within a visit comes back to the outer one. */
let here: NamespaceHandle | undefined;

function whereWeAre(): NamespaceHandle {
  here ??= currentNamespace();
  return here;
}

/** Going on in a foreign namespace would change the wrong host: nothing may catch this and carry on. */
function comeBack(home: NamespaceHandle): void {
  if (setns(home.fd, CLONE_NEWNET) < 0) {
    console.error(new KernelError(errno(), 'return to the original network namespace'));
    process.abort();
  }
  here = home;
}

/**
 * Makes /run/netns a shared mount, as iproute2 does. Without it, a mount namespace copied later (every container runtime makes one)
 * keeps its own copy of the bind mount, and a deleted namespace lives on there.
 */
function shareFolder(folder: string): void {
  if (realpathSync(folder) !== IPROUTE_FOLDER) return;
  if (mount('', IPROUTE_FOLDER, 'none', MS_SHARED | MS_REC, null) === 0) return;
  if (errno() !== EINVAL) throw new KernelError(errno(), `make ${IPROUTE_FOLDER} a shared mount`);
  checked(mount(IPROUTE_FOLDER, IPROUTE_FOLDER, 'none', MS_BIND | MS_REC, null), `bind ${IPROUTE_FOLDER} on itself`);
  checked(mount('', IPROUTE_FOLDER, 'none', MS_SHARED | MS_REC, null), `make ${IPROUTE_FOLDER} a shared mount`);
}

function describe(namespace: Namespace): string {
  return typeof namespace === 'string' ? namespace : `of fd ${namespace.fd}`;
}
