import { readFileSync } from 'node:fs';
import test from 'ava';
import { errnoName, KernelError } from './error.ts';

test('an error says the operation, the reason, and what the kernel added', (t) => {
  const error = new KernelError(17, 'ip link add weir0 type veth peer name eth0', { extendedAck: 'name in use' });
  t.is(error.code, 'EEXIST');
  t.is(error.errno, 17);
  t.regex(error.message, /^ip link add weir0 type veth peer name eth0: .*exists \(EEXIST\): name in use$/);
});

test('a refusal for want of rights says what to do', (t) => {
  t.regex(new KernelError(1, 'ip link add weir0 type veth').message, /CAP_NET_ADMIN/);
});

test('errno names are those of the man pages', (t) => {
  t.deepEqual([2, 11, 95, 105, 4000].map(errnoName), ['ENOENT', 'EAGAIN', 'EOPNOTSUPP', 'ENOBUFS', 'ERRNO_4000']);
});

test('errors of node:fs become errors of the kernel, others stay', (t) => {
  const cause = t.throws(() => readFileSync('/proc/sys/net/no-such-thing'));
  const error = KernelError.from(cause, 'sysctl net/no-such-thing') as KernelError;
  t.is(error.code, 'ENOENT');
  t.is(error.cause, cause);
  const other = new TypeError('no');
  t.is(KernelError.from(other, 'x'), other);
});
