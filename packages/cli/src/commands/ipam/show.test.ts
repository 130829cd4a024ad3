import test from 'ava';
import { lines, Weir } from '../../testing/weir.ts';

const POOLS = `apiVersion: weir/v1
kind: Pool
metadata: {name: main}
spec: {cidr: 10.77.0.0/16}
---
apiVersion: weir/v1
kind: Pool
metadata: {name: six}
spec: {cidr: 'fd00:77::/64', disabled: true}
`;

test('pools and, below each, its blocks', async (t) => {
  const weir = await Weir.in(t);
  t.regex(await weir.ok(t, ['ipam', 'show']), /^There are no pools/);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: POOLS });
  const held = { containerId: 'c1', interfaceName: 'eth0', network: 'weir', host: 'h1' };
  await weir.seed({
    kind: 'Block',
    metadata: { name: '10.77.0.0-26' },
    spec: { cidr: '10.77.0.0/26', pool: 'main', host: 'h1', allocations: { '10.77.0.0': held, '10.77.0.9': held } },
  });
  t.is(
    await weir.ok(t, ['ipam', 'show']),
    lines(
      'POOL             CIDR           HOST    SIZE   USED    FREE   USE',
      'main             10.77.0.0/16          65536      2   65534   <1%',
      '                 10.77.0.0/26   h1        64      2      62    3%',
      'six (disabled)   fd00:77::/64           2^64      0    2^64    0%',
    ),
  );
  t.is(
    await weir.ok(t, ['ipam', 'show', '--pools']),
    lines(
      'POOL             CIDR           HOST    SIZE   USED    FREE   USE',
      'main             10.77.0.0/16          65536      2   65534   <1%',
      'six (disabled)   fd00:77::/64           2^64      0    2^64    0%',
    ),
  );
  const [main] = JSON.parse(await weir.ok(t, ['ipam', 'show', '-o', 'json']));
  t.like(main, { pool: 'main', used: 2, blocks: [{ block: '10.77.0.0/26', host: 'h1', size: 64, used: 2, free: 62 }] });
});
