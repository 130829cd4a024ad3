import test from 'ava';
import { host, lines, Weir } from '../../testing/weir.ts';

test('routes of a host as the store calls for them, of all, and of one that is not known', async (t) => {
  const weir = await Weir.in(t);
  await weir.seed(
    host('h1', '172.16.0.1'),
    host('h2', '172.16.0.2'),
    { kind: 'Pool', metadata: { name: 'main' }, spec: { cidr: '10.77.0.0/16' } },
    { kind: 'Block', metadata: { name: '10.77.0.0-26' }, spec: { cidr: '10.77.0.0/26', pool: 'main', host: 'h1' } },
  );
  t.is(
    await weir.ok(t, ['node', 'routes', 'h2']),
    lines(
      'DESTINATION    MODE     HOST   VIA          DEVICE   POOL   KERNEL   NOTE',
      '10.77.0.0/26   native   h1     172.16.0.1            main   ?',
    ),
  );
  t.is(
    await weir.ok(t, ['node', 'routes', '--all']),
    lines(
      'ON   DESTINATION    MODE     HOST   VIA          DEVICE   POOL   KERNEL   NOTE',
      'h1   10.77.0.0/26   local    h1                           main   ?',
      'h2   10.77.0.0/26   native   h1     172.16.0.1            main   ?',
    ),
  );
  t.like(JSON.parse(await weir.ok(t, ['node', 'routes', 'h2', '-o', 'json']))[0], { on: 'h2', mode: 'native', kernel: null });
  t.is(await weir.fails(t, 1, ['node', 'routes', 'h9']), 'error: host/h9 was not found\n');
  t.regex(await weir.fails(t, 1, ['node', 'routes']), /name a host, or all with --all/);
  t.regex(await weir.fails(t, 2, ['node', 'routes', '--here']), /--here goes with one NAME/);
});

test('this machine is called what the configuration says that WEIR_CONFIG names', async (t) => {
  const weir = await Weir.in(t);
  await weir.seed(
    host('h1', '172.16.0.1'),
    { kind: 'Pool', metadata: { name: 'main' }, spec: { cidr: '10.77.0.0/16' } },
    { kind: 'Block', metadata: { name: '10.77.0.0-26' }, spec: { cidr: '10.77.0.0/26', pool: 'main', host: 'h1' } },
  );
  const config = await weir.file('agent.yaml', 'host: h1\nstore: { backend: embedded }\n');
  const stdout = await weir.ok(t, ['node', 'routes'], { env: { WEIR_CONFIG: config, COLUMNS: '200' } });
  t.regex(stdout, /^10\.77\.0\.0\/26 +local +h1 +main +no +the kernel does not have it$/m);
});
