import { readFileSync } from 'node:fs';
import test from 'ava';
import { KernelError } from '../error.ts';
import { descriptorsLeaked, runWithin, temporaryNamespace } from '../testing/temporary-namespace.ts';
import { Nftables, openSockets } from './nftables.ts';

function open(t: Parameters<typeof temporaryNamespace>[0]): { nftables: Nftables; namespace: string } {
  const namespace = temporaryNamespace(t);
  const nftables = Nftables.open({ namespace });
  t.teardown(() => nftables.close());
  return { nftables, namespace };
}

test('a script is carried out in the namespace of its context', (t) => {
  const { nftables, namespace } = open(t);
  const other = open(t);
  nftables.run('add table inet weir\nadd set inet weir peers { type ipv6_addr; }\nadd element inet weir peers { fd00::1, fd00::2 }');
  t.is(
    runWithin(namespace, 'nft', 'list', 'ruleset'),
    ['table inet weir {', '\tset peers {', '\t\ttype ipv6_addr', '\t\telements = { fd00::1,', '\t\t\t     fd00::2 }', '\t}', '}'].join(
      '\n',
    ),
  );
  t.is(runWithin(other.namespace, 'nft', 'list', 'ruleset'), '');
});

test('a script is carried out whole or not at all, and the error shows the place', (t) => {
  const { nftables } = open(t);
  const error = t.throws(() => nftables.run('add table inet weir\nadd chain inet weir input\nadd rule inet absent input accept'), {
    instanceOf: KernelError,
  });
  t.is(error.code, 'ENOENT');
  t.regex(error.extendedAck ?? '', /^line 3: Error: .*No such file or directory.*\nadd rule inet absent input accept\n\s+\^{6}/);
  t.is(nftables.list('inet weir'), undefined);
});

test('an error leaves nothing behind for the next run', (t) => {
  const { nftables } = open(t);
  t.throws(() => nftables.run('add rubbish'), { code: 'EINVAL', message: /syntax error/ });
  t.throws(() => nftables.run('add table inet weir\n\nadd rubbish'), { code: 'EINVAL', message: /line 3: Error: syntax error/ });
  nftables.run('add table inet weir');
  t.throws(() => nftables.run('create table inet weir'), { code: 'EEXIST' });
  t.deepEqual(nftables.listRuleset(), [
    { table: { family: 'inet', name: 'weir', handle: (nftables.listRuleset()[0]?.table?.handle ?? 0) as number } },
  ]);
});

test('a table is listed as JSON, and only that table', (t) => {
  const { nftables } = open(t);
  t.is(nftables.list('inet weir'), undefined);
  nftables.run(
    'add table inet weir { comment "version 1"; }\nadd map inet weir peers { type ipv4_addr : verdict; }\nadd element inet weir peers { 10.0.0.1 : drop }\nadd table ip other',
  );
  const listed = nftables.list('inet weir') ?? [];
  t.deepEqual(
    listed.map((object) => Object.keys(object)),
    [['table'], ['map']],
  );
  t.like(listed[1]?.map, { name: 'peers', type: 'ipv4_addr', map: 'verdict', elem: [['10.0.0.1', { drop: null }]] as unknown as object });
  t.throws(() => nftables.list('inet weir; flush ruleset'), { instanceOf: TypeError });
});

test('a thousand contexts and failing scripts leave no file descriptor open', (t) => {
  const { nftables, namespace } = open(t);
  t.is(
    descriptorsLeaked(1000, () => Nftables.open({ namespace }).close()),
    0,
  );
  t.is(
    descriptorsLeaked(1000, () => t.throws(() => nftables.run('delete table inet missing'))),
    0,
  );
  t.is(
    descriptorsLeaked(1000, () => t.throws(() => Nftables.open({ namespace: `${namespace}-missing` }))),
    0,
  );
});

test('a child process does not inherit the socket', (t) => {
  const before = new Set(openSockets().values());
  open(t);
  const opened = [...openSockets()].filter(([, inode]) => !before.has(inode));
  t.is(opened.length, 1);
  const [, flags = '0'] = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${opened[0]![0]}`, 'utf8')) ?? [];
  t.true((Number.parseInt(flags, 8) & 0o2000000) !== 0, 'O_CLOEXEC');
});

test('a closed context says so', (t) => {
  const { nftables } = open(t);
  nftables.close();
  nftables.close();
  t.throws(() => nftables.run('add table inet weir'), { code: 'EBADF', message: /closed/ });
});
