import test from 'ava';
import { POOL, Weir } from '../testing/weir.ts';

test('client and store', async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: POOL });
  t.regex(
    await weir.ok(t, ['version']),
    /^Client: weir \d+\.\d+\.\d+, Node v\d+.*, linux-\w+\nStore: {2}embedded in .*weir\.db, revision \d+\n$/,
  );
  t.regex(await weir.ok(t, ['version', '--client']), /^Client: .*\n$/);
  const { client, store } = JSON.parse(await weir.ok(t, ['version', '-o', 'json']));
  t.is(client.node, process.version);
  t.true(store.revision > 1);
});

test('a store that does not answer still leaves the version of the client', async (t) => {
  const weir = await Weir.in(t);
  const run = await weir.run(['version', '--etcd-endpoints', 'http://127.0.0.1:1']);
  t.is(run.status, 3);
  t.regex(run.stdout, /^Client: weir/);
  t.regex(run.stderr, /^error: etcd http:\/\/127\.0\.0\.1:1: /);
});
