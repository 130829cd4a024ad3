import test from 'ava';
import { Weir } from '../testing/weir.ts';

test('a configuration that cannot be used is wrong usage, and named', async (t) => {
  const weir = await Weir.in(t);
  t.regex(await weir.fails(t, 2, ['agent', '--config', 'nowhere.yaml']), /nowhere\.yaml/);
  const config = await weir.file('agent.yaml', 'host: NOT A NAME\n');
  t.regex(await weir.fails(t, 2, ['agent', '--config', config]), /agent\.yaml: host: /);
  for (const [content, said] of [
    ['host: [', /cannot read .*agent\.yaml/],
    ['hots: h1', /agent\.yaml: .*hots/],
    ['store: {backend: redis}', /agent\.yaml: store\.backend: "redis": must be embedded or etcd/],
    ['store: {backend: etcd}', /etcd store needs endpoints/],
    ['store: {backend: embedded, pth: /x.db}', /agent\.yaml: store: .*pth/],
  ] as const) {
    await weir.file('agent.yaml', `${content}\n`);
    t.regex(await weir.fails(t, 2, ['agent', '--config', config], { env: { WEIR_STORE_PATH: '' } }), said);
  }
});
