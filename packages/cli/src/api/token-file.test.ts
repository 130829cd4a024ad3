import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { addToken } from './add-token.ts';
import { TokenFile } from './token-file.ts';

test('a token that is taken back is refused, whatever time of modification the file is given', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-tokens-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'tokens.yaml');
  const token = addToken(path, { name: 'shop', rights: 'read' });
  utimesSync(path, 1, 1);
  const file = new TokenFile(path, (error) => t.fail(error.message));
  t.is(file.accessOf(token)?.name, 'shop');
  writeFileSync(path, 'tokens: []\n');
  utimesSync(path, 1, 1);
  t.is(file.accessOf(token), undefined);
});

test('a file that is not there is named', (t) => {
  t.throws(() => new TokenFile('/nowhere/tokens.yaml', () => {}), { code: 'EUSAGE', message: /cannot read the file of tokens/ });
});
