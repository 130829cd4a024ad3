import test from 'ava';
import { DB, shop } from '../../testing/shop.ts';
import { lines } from '../../testing/weir.ts';

test('who may talk to whom, by app', async (t) => {
  const weir = await shop(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: DB });
  t.is(
    await weir.ok(t, ['policy', 'who', '--to', 'run=db']),
    lines(
      'FROM                      TO            MAY-SEND',
      'shop/canary=yes,run=web   shop/run=db   TCP 5432',
      'shop/run=web              shop/run=db   TCP 5432',
    ),
  );
  t.is(
    await weir.ok(t, ['policy', 'who', '--by', 'run', '--to', 'run=db', '--all']),
    lines('FROM           TO            MAY-SEND', 'outside        shop/run=db   nothing', 'shop/run=web   shop/run=db   TCP 5432'),
  );
  t.deepEqual(JSON.parse(await weir.ok(t, ['policy', 'who', '--from', 'run=web,!canary', '--to', 'run=db', '-o', 'json'])), [
    { from: 'shop/run=web', to: 'shop/run=db', pairs: 1, of: 1, families: ['IPv4'], maySend: 'TCP 5432' },
  ]);
});

test('instances of one group that policy tells apart are told', async (t) => {
  const weir = await shop(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: DB.replace("run == 'web'", 'has(canary)') });
  t.is(
    await weir.ok(t, ['policy', 'who', '--by', 'run', '--from', 'run=web', '--to', 'run=db']),
    lines('FROM           TO            MAY-SEND   FOR', 'shop/run=web   shop/run=db   TCP 5432   1 of 2 pairs (IPv4)'),
  );
});

test('ends are named as for trace; one that is nobody is an error, not an empty answer', async (t) => {
  const weir = await shop(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: DB });
  const all = await weir.ok(t, ['policy', 'who', '--to', 'run=db']);
  t.is(await weir.ok(t, ['policy', 'who', '--to', 'shop/run=db']), all);
  t.regex(await weir.fails(t, 1, ['policy', 'who', '--from', '/shop/wbe']), /^error: no endpoint is "\/shop\/wbe"/);
  t.true((await weir.ok(t, ['policy', 'who', '--from', 'outside', '--all'])).includes('nothing'));
});
