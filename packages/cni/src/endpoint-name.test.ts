import test from 'ava';
import { endpointName } from './endpoint-name.ts';
import { hostInterfaceName } from './host-interface-name.ts';

test('an ordinary id is readable in the name', (t) => {
  t.is(endpointName('parent.child', 'eth0'), 'parent.child.eth0');
});

test('ids that a name cannot hold, and pairs that read alike, stay apart', (t) => {
  const pairs = [
    ['redis@1:2', 'eth0'],
    ['redis@1_2', 'eth0'],
    ['redis-1-2', 'eth0'],
    ['a.b', 'c'],
    ['a', 'b.c'],
    ['x'.repeat(300), 'eth0'],
    [`${'x'.repeat(300)}y`, 'eth0'],
  ] as const;
  const names = pairs.map(([id, name]) => endpointName(id, name));
  t.is(new Set(names).size, pairs.length);
  for (const name of names) t.regex(name, /^[A-Za-z0-9._-]{1,253}$/);
});

test('host interfaces: 15 characters, one for each container and interface', (t) => {
  const ids = ['p', 'p.c', 'redis@1:2', 'x'.repeat(500)];
  const names = ids.flatMap((id) => [hostInterfaceName('weir', id, 'eth0'), hostInterfaceName('weir', id, 'eth1')]);
  t.is(new Set(names).size, 8);
  for (const name of names) t.regex(name, /^weir[a-z2-7]{11}$/);
  t.is(hostInterfaceName('weir', 'p', 'eth0'), hostInterfaceName('weir', 'p', 'eth0'));
});
