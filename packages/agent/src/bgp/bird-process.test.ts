import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { BirdProcess, findBird } from './bird-process.ts';

function folderOf(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'weir-bird-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('BIRD is found in PATH before its usual places', (t) => {
  const folder = folderOf(t);
  writeFileSync(join(folder, 'bird'), '', { mode: 0o755 });
  t.is(findBird(`/none:${folder}`), join(folder, 'bird'));
});

test('a configuration that BIRD refuses takes the place of none, and says where it is wrong', async (t) => {
  const folder = join(folderOf(t), 'bgp');
  const bird = new BirdProcess(folder);
  const right = 'router id 192.0.2.1;\nprotocol device {}\n';
  await bird.writeConfig(right);
  await t.throwsAsync(bird.writeConfig('router id 192.0.2.1;\nprotocol nonsense {}\n'), {
    code: 'EBIRD',
    message: /BIRD refuses its configuration: .*2:.*syntax error/,
  });
  t.is(readFileSync(join(folder, 'bird.conf'), 'utf8'), right);
  t.is(statSync(join(folder, 'bird.conf')).mode & 0o777, 0o640, 'passwords are in it');
});

test('where there is none it says how to get it', async (t) => {
  const folder = folderOf(t);
  mkdirSync(join(folder, 'bgp'));
  const bird = new BirdProcess(join(folder, 'bgp'), join(folder, 'bird'));
  await t.throwsAsync(bird.writeConfig(''), { code: 'ENOBIRD', message: /apt-get install bird2/ });
  t.is(await bird.connect(), undefined);
});
