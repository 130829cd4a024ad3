import { existsSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { readlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { createNamespace, currentNamespace, deleteNamespace, inNamespace, NamespaceHandle, openNamespace } from './namespace.ts';
import { descriptorsLeaked, runWithin, temporaryNamespace } from './testing/temporary-namespace.ts';

const here = (): string => readlinkSync('/proc/thread-self/ns/net');

test('a new namespace is another one, has a loopback alone, and iproute2 finds it', (t) => {
  const path = temporaryNamespace(t);
  const home = here();
  t.not(
    inNamespace(path, () => here()),
    home,
  );
  t.is(here(), home);
  t.regex(runWithin(path, 'ip', '-o', 'link'), /^1: lo: [^\n]*$/);
});

test('a handle keeps the namespace when its path is gone', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weirtest-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'net');
  createNamespace(path);
  using handle = openNamespace(path);
  const inside = inNamespace(path, () => here());
  deleteNamespace(path);
  t.false(existsSync(path));
  t.is(
    inNamespace(handle, () => here()),
    inside,
  );
});

test('a function that throws comes home too', (t) => {
  const path = temporaryNamespace(t);
  const home = here();
  const error = t.throws(() =>
    inNamespace(path, () => {
      throw new Error('within');
    }),
  );
  t.is(error.message, 'within');
  t.is(here(), home);
});

test('namespaces nest', (t) => {
  const [outer, inner] = [temporaryNamespace(t), temporaryNamespace(t)];
  const [before, deep, after] = inNamespace(outer, () => [here(), inNamespace(inner, () => here()), here()]);
  t.is(before, after);
  t.not(deep, before);
});

test('worker threads stay at home', async (t) => {
  const path = temporaryNamespace(t);
  const home = here();
  let elsewhere: Promise<string> | undefined;
  inNamespace(path, () => {
    elsewhere = readlink('/proc/thread-self/ns/net');
  });
  t.is(await elsewhere, home);
});

test('an async function is refused', (t) => {
  const path = temporaryNamespace(t);
  t.throws(() => inNamespace(path, async () => undefined), { instanceOf: TypeError, message: /synchronous/ });
});

test('what is no namespace is refused by name', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weirtest-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const missing = join(folder, 'missing');
  t.like(
    t.throws(() => openNamespace(missing)),
    { code: 'ENOENT', operation: `open network namespace ${missing}` },
  );
  t.like(
    t.throws(() => openNamespace(file)),
    { code: 'EINVAL', extendedAck: 'the file is not a network namespace' },
  );
  t.like(
    t.throws(() => openNamespace('/proc/self/ns/mnt')),
    { code: 'EINVAL' },
  );
  t.like(
    t.throws(() => deleteNamespace(missing)),
    { code: 'ENOENT' },
  );
  t.like(
    t.throws(() => createNamespace(file)),
    { code: 'EEXIST' },
  );
  t.true(existsSync(file), 'the file that was in the way is left alone');
});

test('a thousand visits leave no file descriptor open, failing ones neither', (t) => {
  const path = temporaryNamespace(t);
  using handle = openNamespace(path);
  t.is(
    descriptorsLeaked(1000, () => inNamespace(path, () => 1)),
    0,
  );
  t.is(
    descriptorsLeaked(1000, () => inNamespace(handle, () => 1)),
    0,
  );
  t.is(
    descriptorsLeaked(1000, () => currentNamespace().close()),
    0,
  );
  t.is(
    descriptorsLeaked(1000, () => t.throws(() => inNamespace(`${path}-missing`, () => 1))),
    0,
  );
  t.is(
    descriptorsLeaked(1000, () => t.throws(() => openNamespace('/proc/self/ns/mnt'))),
    0,
  );
});

test('closing a handle twice closes its descriptor once', (t) => {
  const first = currentNamespace();
  first.close();
  using second = currentNamespace(); // takes the number that became free
  t.is(second.fd, first.fd);
  first.close();
  t.notThrows(() => inNamespace(second, () => 1));
  t.true(second instanceof NamespaceHandle);
});
