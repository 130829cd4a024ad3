import test from 'ava';
import { Doorbell } from './doorbell.ts';

test('a bell that cannot be rung, since the disk is full, ends no process and closes', (t) => {
  const doorbell = new Doorbell('/dev/full');
  doorbell.ring();
  t.notThrows(() => doorbell.close());
});
