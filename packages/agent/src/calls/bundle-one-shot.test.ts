import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { bundleOneShot } from './bundle-one-shot.ts';
import { BUILD_FOLDER, BUNDLE_INDEX, type BundleIndex, currentBundle } from './one-shot-bundle.js';

test('the bundle does what its sources do, and is taken for current only as long as they are what they were', async (t) => {
  // Where the packages are found that it leaves out.
  mkdirSync(BUILD_FOLDER, { recursive: true });
  const folder = mkdtempSync(join(BUILD_FOLDER, 'test-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  t.is(currentBundle(folder), undefined);
  const program = await bundleOneShot(folder);
  t.is(currentBundle(folder), program);

  const config = join(folder, 'agent.yaml');
  const store = { backend: 'etcd', etcd: { endpoints: ['http://127.0.0.1:1'], timeout: '1s' } };
  writeFileSync(config, JSON.stringify({ runDir: join(folder, 'run'), store }));
  const ask = async (entry: string, command: string) => {
    const answering = promisify(execFile)(process.execPath, [entry, '--config', config, 'weir'], {
      env: { ...process.env, CNI_COMMAND: command, CNI_PATH: '/' },
    });
    answering.child.stdin!.end(JSON.stringify({ cniVersion: '1.1.0', name: 'weir' }));
    return JSON.parse((await answering.catch((error: { stdout: string }) => error)).stdout) as { code?: number };
  };
  const sources = join(import.meta.dirname, 'serve-one-call.ts');
  t.deepEqual(await ask(program, 'VERSION'), await ask(sources, 'VERSION'));
  // The store's client is a part of it that is loaded only when it is needed.
  const [bundled, plain] = [await ask(program, 'STATUS'), await ask(sources, 'STATUS')];
  t.is(bundled.code, 50);
  t.deepEqual(bundled, plain);

  t.is(await bundleOneShot(folder), program, 'made once');
  const index = JSON.parse(readFileSync(join(folder, BUNDLE_INDEX), 'utf8')) as BundleIndex;
  t.true(Object.keys(index.sources).includes(sources));
  writeFileSync(join(folder, BUNDLE_INDEX), JSON.stringify({ ...index, sources: { ...index.sources, [sources]: '0 0' } }));
  t.is(currentBundle(folder), undefined, 'Weir was upgraded');
  t.is(await bundleOneShot(folder), program);
  t.is(readdirSync(folder).filter((name) => name.startsWith('one-shot-')).length, 1);
});
