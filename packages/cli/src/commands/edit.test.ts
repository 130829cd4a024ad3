import { readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import test from 'ava';
import { ENTRY, endpoint, POLICY, POOL, Weir } from '../testing/weir.ts';

const edit = ['edit', 'policy', 'web', '-n', 'shop'];

test('what the editor leaves is written; nothing where it changes nothing, or ends with an error', async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: POLICY });
  const by = (editor: string, more: NodeJS.ProcessEnv = {}) => ({ env: { EDITOR: editor, TMPDIR: weir.folder, ...more } });
  t.is(await weir.ok(t, edit, by('true')), 'policy/web unchanged\n');
  t.is(await weir.ok(t, edit, by("sed -i 's/- 80$/- 81/'")), 'policy/web edited\n');
  const ports = async () => /- (8\d)$/m.exec(await weir.ok(t, ['get', 'policy', 'web', '-n', 'shop', '-o', 'yaml']))?.[1];
  t.is(await ports(), '81');
  t.is(await weir.ok(t, edit, by('false', { VISUAL: "sed -i 's/- 81$/- 82/'" })), 'policy/web edited\n');
  t.regex(await weir.fails(t, 1, edit, by('false')), /^error: the editor "false" ended with status 1: nothing was written\n/);
  t.is(await ports(), '82');
});

test('what is refused stays in a file that only its owner reads', async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: POLICY });
  const refused = async (editor: string): Promise<{ said: string; kept: string }> => {
    const said = await weir.fails(t, 1, edit, { env: { EDITOR: editor, TMPDIR: weir.folder } });
    const path = /your text is in (\S+): weir apply -f takes it/.exec(said)![1]!;
    const kept = await readFile(path, 'utf8');
    await rm(dirname(path), { recursive: true });
    return { said, kept };
  };
  const slip = await refused("sed -i 's/action: Allow/action: Alow/'");
  t.regex(slip.said, /spec\.ingress\[0\]\.action: "Alow" .*did you mean "Allow"/);
  t.regex(slip.kept, /action: Alow/);
  t.regex((await refused("sed -i 's/name: web/name: other/'")).said, /kind, namespace and name stay as they are/);
  // Somebody else is quicker.
  const quicker = `sh -c 'sed -i "s/- 80$/- 81/" "$1"; "${process.execPath}" "${ENTRY}" label policy web -n shop a=b >&2' sh`;
  t.regex((await refused(quicker)).said, /policy\/web was to be at revision \d+ and is at revision \d+/);
});

test('one object that is there, and for people to write', async (t) => {
  const weir = await Weir.in(t);
  await weir.ok(t, ['apply', '-f', '-'], { stdin: POOL });
  await weir.seed(endpoint('c1', {}, { on: 'h1', address: '10.77.0.1' }));
  t.regex(await weir.fails(t, 2, ['edit', 'pools']), /name one object to edit/);
  t.regex(await weir.fails(t, 2, ['edit', 'pool', 'main', 'other']), /name one object to edit/);
  t.regex(await weir.fails(t, 1, ['edit', 'pool', 'man']), /pool\/man was not found\n {2}did you mean pool\/main\?/);
  t.regex(await weir.fails(t, 1, ['edit', 'endpoint', 'c1-eth0', '-n', 'shop']), /cannot replace endpoint\/c1-eth0: .*weir label/);
});
