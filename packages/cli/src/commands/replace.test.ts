import test from 'ava';
import { POLICY, Weir } from '../testing/weir.ts';

test('replace changes what exists and refuses what is missing', async (t) => {
  const weir = await Weir.in(t);
  t.regex(
    await weir.fails(t, 1, ['replace', '-f', '-'], { stdin: POLICY }),
    /policy\/web was not found in namespace shop: weir apply or create makes it/,
  );
  t.is(await weir.ok(t, ['get', 'policies', '-A', '-o', 'name']), '');
  await weir.ok(t, ['create', '-f', '-'], { stdin: POLICY });
  t.is(await weir.ok(t, ['replace', '-f', '-'], { stdin: POLICY.replace('[80', '[81') }), 'policy/web replaced\n');
  t.regex(await weir.ok(t, ['get', 'policy', 'web', '-n', 'shop', '-o', 'yaml']), /- 81\n/);
});
