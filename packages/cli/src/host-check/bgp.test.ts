import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { checkBird } from './bgp.ts';

async function program(t: ExecutionContext, says: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-bird-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'bird'), `#!/bin/sh\necho "${says}" >&2\n`, { mode: 0o755 });
  return join(folder, 'bird');
}

test('BIRD is missing where something wants it', (t) => {
  t.like(checkBird('BGP', ['BgpPeer tor'], undefined, '/none')[0], {
    status: 'failed',
    found: 'BIRD is not installed, and wanted by BgpPeer tor',
    remedy: 'apt-get install bird2 && systemctl disable --now bird',
  });
  t.like(checkBird('BGP', ['pool p'], '/none/bird', '/none')[0], { found: 'BIRD is not at /none/bird, and wanted by pool p' });
});

test('BIRD of another generation, and another BIRD that runs', async (t) => {
  const two = await program(t, 'BIRD version 2.0.12');
  t.deepEqual(checkBird('BGP', ['pool p'], two, '/none'), [{ name: 'BGP', status: 'ok', found: 'BIRD 2.0.12' }]);
  t.deepEqual(
    checkBird('BGP', ['pool p'], two, two).map(({ status }) => status),
    ['ok', 'warning'],
  );
  t.like(checkBird('BGP', ['pool p'], await program(t, 'BIRD version 1.6.8'), '/none')[0], { status: 'failed' });
  t.like(checkBird('BGP', ['pool p'], await program(t, 'hello'), '/none')[0], { status: 'failed' });
});
