import test from 'ava';
import { Weir } from '../testing/weir.ts';

test('a configuration that cannot be used is wrong usage, and named', async (t) => {
  const weir = await Weir.in(t);
  t.regex(await weir.fails(t, 2, ['agent', '--config', 'nowhere.yaml']), /nowhere\.yaml/);
  const config = await weir.file('agent.yaml', 'host: NOT A NAME\n');
  t.regex(await weir.fails(t, 2, ['agent', '--config', config]), /agent\.yaml: host: /);
});
