import { readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { placeFile } from '../launcher/place-file.ts';

async function folderIn(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-place-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const networkOf = (size: number) => JSON.stringify({ name: 'weir', type: 'weir', padding: 'x'.repeat(size) });

test('who reads the folder while a file is replaced sees one whole file and never a draft', async (t) => {
  const folder = await folderIn(t);
  const path = join(folder, 'weir.json');
  await placeFile(path, Buffer.from(networkOf(1)), 0o644);
  let reads = 0;
  let writing = true;
  const read = () => {
    const files = readdirSync(folder).filter((name) => !statSync(join(folder, name), { throwIfNoEntry: false })?.isDirectory());
    // As Mesos does: every regular file is a network.
    for (const name of files.filter((name) => name !== '.weir-draft'))
      t.is(JSON.parse(readFileSync(join(folder, name), 'utf8')).name, 'weir');
    t.true(files.includes('weir.json'));
    reads++;
    if (writing) setImmediate(read);
  };
  read();
  for (let round = 0; round < 30; round++) await placeFile(path, Buffer.from(networkOf(round * 50_000)), 0o644);
  writing = false;
  t.true(reads > 30, `${reads} reads`);
  t.deepEqual(await readdir(folder), ['weir.json']);
});

test('what an installation that was killed left behind goes with the next one', async (t) => {
  const folder = await folderIn(t);
  await mkdir(join(folder, '.weir-draft'));
  await writeFile(join(folder, '.weir-draft', 'weir.json.1'), '{"half');
  await placeFile(join(folder, 'weir.json'), Buffer.from('{}'), 0o600);
  t.deepEqual(await readdir(folder), ['weir.json']);
  t.is(await readFile(join(folder, 'weir.json'), 'utf8'), '{}');
  t.is(statSync(join(folder, 'weir.json')).mode & 0o777, 0o600);
});
