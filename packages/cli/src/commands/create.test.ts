import test from 'ava';
import { POLICY, POOL, Weir } from '../testing/weir.ts';

test('create makes what is missing and refuses what exists, a pool too', async (t) => {
  const weir = await Weir.in(t);
  t.is(await weir.ok(t, ['create', '-f', '-'], { stdin: `${POLICY}---\n${POOL}` }), 'policy/web created\npool/main created\n');
  const changed = { stdin: POLICY.replace('[80', '[81') };
  t.regex(await weir.fails(t, 1, ['create', '-f', '-'], changed), /policy\/web exists already/);
  t.regex(await weir.fails(t, 1, ['create', '-f', '-'], { stdin: POOL }), /pool\/main exists already/);
  t.is(await weir.ok(t, ['apply', '-f', '-'], { stdin: POLICY }), 'policy/web unchanged\n');
});
