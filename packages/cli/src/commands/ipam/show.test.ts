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
      'main             10.77.0.0/16          65536      2   65534   <1%   #.........',
      '                 10.77.0.0/26   h1        64      2      62    3%   #.........',
      'six (disabled)   fd00:77::/64           2^64      0    2^64    0%   ..........',
    ),
  );
  t.is(
    await weir.ok(t, ['ipam', 'show', '--pools']),
    lines(
      'POOL             CIDR            SIZE   USED    FREE   USE',
      'main             10.77.0.0/16   65536      2   65534   <1%   #.........',
      'six (disabled)   fd00:77::/64    2^64      0    2^64    0%   ..........',
    ),
  );
  const [main] = JSON.parse(await weir.ok(t, ['ipam', 'show', '-o', 'json']));
  t.like(main, { pool: 'main', used: 2, blocks: [{ block: '10.77.0.0/26', host: 'h1', size: 64, used: 2, free: 62 }] });
});

test('blocks stand in the order of their addresses, here, in weir get and in weir describe', async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: POOLS });
  const held = { containerId: 'c1', interfaceName: 'eth0', network: 'weir', host: 'h1' };
  const block = (cidr: string, pool: string, used: string[] = []) => ({
    kind: 'Block',
    metadata: { name: cidr.replaceAll(/[/:]/g, '-') },
    spec: { cidr, pool, host: 'h1', allocations: Object.fromEntries(used.map((address) => [address, held])) },
  });
  await weir.seed(
    block('10.77.0.128/26', 'main'),
    block('10.77.0.64/26', 'main'),
    block('10.77.0.0/26', 'main', ['10.77.0.9', '10.77.0.10']),
    block('fd00:77::100/122', 'six'),
    block('fd00:77::40/122', 'six'),
  );
  const inOrder = ['10.77.0.0/26', '10.77.0.64/26', '10.77.0.128/26', 'fd00:77::40/122', 'fd00:77::100/122'];
  const cidrs = (text: string) => inOrder.toSorted((left, right) => text.indexOf(` ${left} `) - text.indexOf(` ${right} `));
  for (const argv of [
    ['ipam', 'show'],
    ['get', 'blocks'],
  ]) {
    const text = await weir.ok(t, argv);
    for (const cidr of inOrder) t.true(text.includes(` ${cidr} `), text);
    t.deepEqual(cidrs(text), inOrder, text);
  }
  const [main] = JSON.parse(await weir.ok(t, ['ipam', 'show', '-o', 'json']));
  t.deepEqual(
    main.blocks.map((usage: { block: string }) => usage.block),
    inOrder.slice(0, 3),
  );
  t.is(
    await weir.ok(t, ['describe', 'pool', 'main']),
    lines(
      'Name:          main',
      'Kind:          Pool',
      'Labels:        <none>',
      'Annotations:   <none>',
      'CIDR:          10.77.0.0/16',
      'Block size:    /26',
      'State:         enabled',
      'VXLAN:         never',
      'Outgoing:      under their own addresses',
      'Visibility:    whoever has a route reaches them',
      'Routes:        hosts have them from the store',
      'For:           every container',
      'In use:        2 of 65536 addresses (<1%)',
      'Blocks:        10.77.0.0/26 on h1: 2 of 64 addresses (3%)',
      '               10.77.0.64/26 on h1: 0 of 64 addresses (0%)',
      '               10.77.0.128/26 on h1: 0 of 64 addresses (0%)',
    ),
  );
  t.regex(await weir.ok(t, ['describe', 'block', '10.77.0.0-26']), /10\.77\.0\.9 c1 eth0\n +10\.77\.0\.10 c1 eth0\n/);
});

test('one address, one block, one host', async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: POOLS });
  const held = (containerId: string, host: string) => ({ containerId, interfaceName: 'eth0', network: 'weir', host, since: 0 });
  await weir.seed({
    kind: 'Block',
    metadata: { name: '10.77.0.0-26' },
    spec: {
      cidr: '10.77.0.0/26',
      pool: 'main',
      host: 'h1',
      allocations: { '10.77.0.9': held('c9', 'h1'), '10.77.0.10': held('c10', 'h2'), '10.77.0.11': { host: 'h1', claim: 'shop/db' } },
      released: { '10.77.0.12': Date.now() + 1000 },
    },
  });
  t.is(
    await weir.ok(t, ['ipam', 'show', '--ip', '10.77.0.9']),
    lines(
      'Address:      10.77.0.9',
      'State:        held by a container',
      'Pool:         main',
      'Block:        10.77.0.0/26 of host h1',
      'Host:         h1',
      'Container:    eth0 of c9, network weir',
      'Since:        1970-01-01T00:00:00.000Z',
    ),
  );
  t.regex(await weir.ok(t, ['ipam', 'show', '--ip', '10.77.0.12']), /State: +free, given back a short time ago\n.*Rests until: +\d{4}-/s);
  t.regex(await weir.ok(t, ['ipam', 'show', '--ip', '10.77.0.11']), /State: +kept for a claim.*Claim: +shop\/db\n/s);
  t.regex(await weir.ok(t, ['ipam', 'show', '--ip', '10.77.9.9']), /State: +free, of no block yet\nPool: +main\n$/);
  t.regex(await weir.ok(t, ['ipam', 'show', '--ip', '192.0.2.1']), /State: +of no pool\n$/);
  const states = async (...words: string[]) =>
    (JSON.parse(await weir.ok(t, ['ipam', 'show', ...words, '-o', 'json'])) as { address: string; state: string }[]).map(
      ({ address, state }) => `${address} ${state}`,
    );
  t.deepEqual(await states('--block', '10.77.0.0/26'), ['10.77.0.9 held', '10.77.0.10 held', '10.77.0.11 kept', '10.77.0.12 resting']);
  t.deepEqual(await states('--host', 'h2'), ['10.77.0.10 held'], 'borrowed from h1');
  t.regex(
    await weir.ok(t, ['ipam', 'show', '--host', 'h2']),
    /^ADDRESS +STATE +HOST +CONTAINER +NETWORK +CLAIM +SINCE\n10\.77\.0\.10 +held +h2 +eth0 of /,
  );
  t.regex(await weir.fails(t, 1, ['ipam', 'show', '--ip', '10.77.0.300']), /"10\.77\.0\.300"/);
  t.regex(await weir.fails(t, 1, ['ipam', 'show', '--block', '10.77.0.1/26']), /10\.77\.0\.0\/26/);
  t.regex(await weir.fails(t, 1, ['ipam', 'show', '--block', '10.77.1.0/26']), /no block 10\.77\.1\.0\/26/);
  t.regex(await weir.fails(t, 1, ['ipam', 'show', '--host', 'h7']), /no host h7: see weir node status/);
  await weir.fails(t, 2, ['ipam', 'show', '--ip', '10.77.0.9', '--host', 'h1']);
});
