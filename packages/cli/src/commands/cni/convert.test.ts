import test from 'ava';
import { Weir } from '../../testing/weir.ts';

test('the new file on standard output, what is not in it on standard error', async (t) => {
  const weir = await Weir.in(t);
  const given = JSON.stringify({ name: 'c', type: 'calico', mtu: 1440, log_level: 'info' });
  const file = await weir.file('c.conf', given);
  for (const run of [await weir.run(['cni', 'convert', file]), await weir.run(['cni', 'convert', '-'], { stdin: given })]) {
    t.is(run.status, 0, run.stderr);
    t.like(JSON.parse(run.stdout), { name: 'c', type: 'weir', chain: [{ type: 'weir-route', mtu: 1440 }, { type: 'weir-policy' }] });
    t.is(run.stderr, 'log_level: a setting of the agent, in /etc/weir/agent.yaml: logLevel\n');
  }
});

test('what cannot be converted: status 1', async (t) => {
  const weir = await Weir.in(t);
  t.regex(await weir.fails(t, 1, ['cni', 'convert', await weir.file('x', '{')]), /x: .*JSON/);
  t.regex(await weir.fails(t, 1, ['cni', 'convert', await weir.file('y', '{"name":"w","type":"weir"}')]), /nothing to convert/);
  t.regex(await weir.fails(t, 2, ['cni', 'convert']), /file/);
});
