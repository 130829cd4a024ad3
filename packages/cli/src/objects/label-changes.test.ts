import test from 'ava';
import { changeLabels, parseLabelChanges } from './label-changes.ts';

test('key=value sets, key- takes away; values may hold = and end in -', (t) => {
  const changes = parseLabelChanges(['run=web', 'note=a=b-', 'old-', 'empty=']);
  t.deepEqual(
    [...changes.set],
    [
      ['run', 'web'],
      ['note', 'a=b-'],
      ['empty', ''],
    ],
  );
  t.deepEqual([...changes.remove], ['old']);
});

test('anything else is wrong usage', (t) => {
  t.throws(() => parseLabelChanges(['run']), { code: 'EUSAGE', message: /"run" is no change/ });
  t.throws(() => parseLabelChanges(['run=web', 'run-']), { code: 'EUSAGE', message: /both set and taken away/ });
  t.throws(() => parseLabelChanges([]), { code: 'EUSAGE' });
});

test('another value is replaced only with overwrite; the same one is no conflict', (t) => {
  const changes = parseLabelChanges(['run=web', 'old-', 'never-']);
  t.deepEqual(changeLabels({ old: '1', keep: '2' }, changes, { overwrite: false }), { run: 'web', keep: '2' });
  t.deepEqual(changeLabels({ run: 'web' }, changes, { overwrite: false }), { run: 'web' });
  t.throws(() => changeLabels({ run: 'db' }, changes, { overwrite: false }), {
    code: 'EREFUSED',
    message: /"run" is "db" already: give --overwrite/,
  });
  t.deepEqual(changeLabels({ run: 'db' }, changes, { overwrite: true }), { run: 'web' });
});
