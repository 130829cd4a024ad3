import test from 'ava';
import { endpoint, lines, Weir } from '../../testing/weir.ts';

test('apps stand together; the table fits 80 columns', async (t) => {
  const weir = await Weir.in(t);
  await weir.seed(
    endpoint('8f6c2a1e-5b7d-4c60-9a4e-0d1c6a7b8e9f', { run: 'nginx' }, { on: 'h2', address: '10.77.0.65' }),
    endpoint('1a5e7c90-1b7d-4c60-9a4e-0d1c6a7b8e9f', { run: 'access' }, { on: 'h1', address: '10.77.0.1' }),
    endpoint('0c3b1d2f-2b7d-4c60-9a4e-0d1c6a7b8e9f', { run: 'nginx' }, { on: 'h1', address: '10.77.0.2' }),
  );
  const table = await weir.ok(t, ['endpoint', 'list', '-A']);
  t.is(
    table,
    lines(
      'NAMESPACE   LABELS       HOST   ADDRESS      NETWORK   CONTAINER',
      'shop        run=access   h1     10.77.0.1    weir      1a5e7c90-1b7d-4c60-9a4e-…',
      'shop        run=nginx    h1     10.77.0.2    weir      0c3b1d2f-2b7d-4c60-9a4e-…',
      'shop        run=nginx    h2     10.77.0.65   weir      8f6c2a1e-5b7d-4c60-9a4e-…',
    ),
  );
  t.true(table.split('\n').every((line) => line.length <= 80));
  t.regex(await weir.ok(t, ['endpoint', 'list', '-n', 'shop', '-l', 'run=access']), /^NAMESPACE.*\nshop +run=access .*\n$/);
  t.is((await weir.ok(t, ['endpoint', 'list', '-n', 'shop', '-o', 'name'])).split('\n').length, 4);
});

test('none', async (t) => {
  const weir = await Weir.in(t);
  t.deepEqual(await weir.run(['endpoint', 'list', '-l', 'run=web']), {
    status: 0,
    stdout: '',
    stderr: 'no endpoints that match in namespace default; -A shows those of all\n',
  });
});
