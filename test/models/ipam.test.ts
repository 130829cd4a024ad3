/** Spin goes through every order in which the processes of the model can take their turns. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';

const MODEL = join(import.meta.dirname, 'ipam.pml');
const WORLDS = [
  { world: 1, what: 'a host that goes and comes back, and one that reclaims what it held' },
  { world: 2, what: 'a pool that is removed' },
  { world: 3, what: 'two processes of a host, and a host that borrows' },
];
/** A condition of the transactions that is left out, in the world where it is needed. */
const FAULTS = [
  { world: 1, fault: 'NO_HOST' },
  { world: 2, fault: 'NO_POOL' },
  { world: 3, fault: 'NO_SEQUENCE' },
  { world: 3, fault: 'NO_REVISION' },
];

/** @returns what the verifier says: the number of faults, and how many states it has seen */
function verify(...definitions: string[]): { faults: number; states: number; text: string } {
  const folder = mkdtempSync(join(tmpdir(), 'weir-model-'));
  try {
    const run = (command: string, ...args: string[]) => execFileSync(command, args, { cwd: folder, encoding: 'utf8' });
    run('spin', '-a', ...definitions.map((definition) => `-D${definition}`), MODEL);
    // -w: what its generated code is warned of is not ours.
    run('cc', '-O2', '-w', '-DSAFETY', '-o', 'pan', 'pan.c');
    const text = run('./pan', '-m1000000', '-w23');
    return { faults: Number(/errors: (\d+)/.exec(text)?.[1]), states: Number(/(\d+) states, stored/.exec(text)?.[1]), text };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const { world, what } of WORLDS) {
  test.serial(`no address is given twice, in whatever order: ${what}`, (t) => {
    const { faults, states, text } = verify(`WORLD=${world}`);
    t.is(faults, 0, text);
    t.notRegex(text, /Search not completed|max search depth too small/);
    t.true(states > 100_000, text);
  });
}

for (const { world, fault } of FAULTS) {
  test.serial(`the model finds an address of two owners where a condition is left out: ${fault}`, (t) => {
    t.is(verify(`WORLD=${world}`, fault).faults, 1);
  });
}
