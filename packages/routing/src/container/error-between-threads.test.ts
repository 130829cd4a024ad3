import { KernelError } from '@weir/kernel';
import test from 'ava';
import { RoutingError } from '../routing-error.ts';
import { receivedError, sentError } from './error-between-threads.ts';

/** As a message carries it. */
const overThere = (error: unknown): unknown => receivedError(structuredClone(sentError(error)));

const refused = new KernelError(17, 'ip route add default', {
  extendedAck: 'because',
  batchIndex: 2,
  others: [new KernelError(19, 'ip link')],
});

test('errors of the kernel and of this package keep all that they say', (t) => {
  for (const error of [refused, new KernelError(1, 'ip link set eth0 up'), new RoutingError('ENOADDRESS', 'no address')]) {
    t.deepEqual(overThere(error), error);
  }
  const explained = overThere(new RoutingError('EDEFAULTROUTE', 'another is', { cause: refused }));
  t.true(explained instanceof RoutingError);
  t.like(explained, { code: 'EDEFAULTROUTE', message: 'another is' });
  t.deepEqual((explained as Error).cause, refused);
});

test('faults arrive as errors with their message', (t) => {
  t.like(overThere(new RangeError('too long')), { name: 'RangeError', message: 'too long' });
});
