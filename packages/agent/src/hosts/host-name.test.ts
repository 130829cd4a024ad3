import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { holdHostName } from './host-name.ts';

test('a host with containers keeps its name; without, it may have another', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-host-name-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  let hasContainers = true;
  const hold = (name: string) => () => holdHostName(folder, name, () => hasContainers);
  t.notThrows(hold('a'), 'the first time');
  t.notThrows(hold('a'));
  t.throws(hold('b'), { code: 'ECONFIG', message: /this host was "a" .*write "host: a" in agent\.yaml/ });
  t.notThrows(hold('a'));
  hasContainers = false;
  t.notThrows(hold('b'));
  hasContainers = true;
  t.throws(hold('a'), { code: 'ECONFIG' });
});
