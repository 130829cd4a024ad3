import test from 'ava';
import { Absences } from './absences.ts';

const overdue = (absences: Absences, missing: string[], now: number) => [...absences.overdue(missing, 10, now)];

test('what is missing for the whole time is due; what came back counts anew', (t) => {
  const absences = new Absences();
  t.deepEqual(overdue(absences, ['a', 'b'], 0), []);
  t.deepEqual(overdue(absences, ['a'], 9), []);
  t.deepEqual(overdue(absences, ['a', 'b'], 10), ['a']);
  t.deepEqual(overdue(absences, ['b'], 20), ['b']);
  absences.forget();
  t.deepEqual(overdue(absences, ['b'], 30), []);
});
