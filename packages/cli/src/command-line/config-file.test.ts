import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { CliError } from '../cli-error.ts';
import { type ConfigSources, readStoreSection } from './config-file.ts';

async function folderOf(t: ExecutionContext, contents: Record<string, string>) {
  const folder = await mkdtemp(join(tmpdir(), 'weir-config-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(contents)) await writeFile(join(folder, name), content);
  const files = { own: join(folder, 'weir.yaml'), agent: join(folder, 'agent.yaml') };
  const read = (sources: Partial<ConfigSources> = {}) => readStoreSection({ given: undefined, placeNamed: false, files, ...sources });
  return { files, folder, read };
}

const OWN = 'store: {path: /own.db}\n';
const AGENT = 'host: h1\nstore: {path: /agent.db}\n';

test("its own file comes first, then the agent's", async (t) => {
  const both = await folderOf(t, { 'weir.yaml': OWN, 'agent.yaml': AGENT });
  t.deepEqual(await both.read(), { path: both.files.own, store: { path: '/own.db' } });
  const agent = await folderOf(t, { 'agent.yaml': AGENT });
  t.deepEqual(await agent.read(), { path: agent.files.agent, store: { path: '/agent.db' } });
  const neither = await folderOf(t, {});
  t.is(await neither.read(), undefined);
});

test("an agent's file that says nothing of the store means the default", async (t) => {
  for (const content of ['', 'host: h1\n']) {
    const { files, read } = await folderOf(t, { 'agent.yaml': content });
    t.deepEqual(await read(), { path: files.agent, store: undefined });
  }
  const own = await folderOf(t, { 'weir.yaml': 'host: h1\n', 'agent.yaml': AGENT });
  await t.throwsAsync(own.read(), { instanceOf: CliError, code: 'EUSAGE', message: /weir\.yaml has no section "store"/ });
});

test('one that was asked for has to be there', async (t) => {
  const { folder, read } = await folderOf(t, { 'weir.yaml': OWN, 'other.yaml': AGENT });
  t.like(await read({ given: join(folder, 'other.yaml') }), { store: { path: '/agent.db' } });
  await t.throwsAsync(read({ given: join(folder, 'nowhere.yaml') }), { instanceOf: CliError, code: 'EUSAGE', message: /nowhere\.yaml/ });
});

test('one that is no YAML, or cannot be read, is not passed over', async (t) => {
  const { folder, files, read } = await folderOf(t, { 'agent.yaml': 'store: [' });
  await t.throwsAsync(read(), { instanceOf: CliError, code: 'EUSAGE', message: /agent\.yaml is no YAML/ });
  await t.throwsAsync(read({ files: { ...files, agent: folder } }), {
    instanceOf: CliError,
    code: 'EUSAGE',
    message: /cannot read .*EISDIR/,
  });
});
