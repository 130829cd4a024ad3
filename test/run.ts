/** Runs everything that has to hold before a change lands, and closes with one line `N passed, N failed` over all of it. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

interface Tally {
  passed: number;
  failed: number;
}

/** Runs a command; its output goes through. One passed or failed. */
async function check(name: string, command: string[]): Promise<Tally> {
  console.log(`\n── ${name}`);
  const child = spawn(command[0]!, command.slice(1), { stdio: 'inherit' });
  const code = await new Promise<number | null>((resolve) => child.on('exit', resolve));
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/** Runs ava and counts its TAP lines, printing one line per test file and all that failed. */
async function tests(patterns: string[]): Promise<Tally> {
  console.log('\n── tests');
  const child = spawn('ava', ['--tap', ...patterns], { stdio: ['ignore', 'pipe', 'inherit'] });
  const tally: Tally = { passed: 0, failed: 0 };
  const perFile = new Map<string, number>();
  let failing = false;
  for await (const line of createInterface({ input: child.stdout })) {
    const result = /^(not )?ok \d+ - (.*)$/.exec(line);
    if (result) {
      failing = result[1] !== undefined;
      tally[failing ? 'failed' : 'passed']++;
      const file = result[2]!.split(' › ').slice(0, -1).join('/');
      perFile.set(file, (perFile.get(file) ?? 0) + 1);
    }
    if (failing || (!result && !line.startsWith('#') && line !== 'TAP version 13')) console.log(line);
    else if (/# SKIP/i.test(line)) console.log(`skipped: ${line}`);
  }
  const code = child.exitCode ?? (await new Promise<number | null>((resolve) => child.on('exit', resolve)));
  for (const [file, count] of [...perFile].sort(([a], [b]) => a.localeCompare(b))) console.log(`${String(count).padStart(5)}  ${file}`);
  if (code !== 0 && tally.failed === 0) tally.failed = 1;
  return tally;
}

const patterns = process.argv.slice(2);
const tallies = patterns.length > 0 ? [] : [await check('biome', ['biome', 'check', '.']), await check('tsc', ['tsc'])];
tallies.push(await tests(patterns));
const passed = tallies.reduce((sum, tally) => sum + tally.passed, 0);
const failed = tallies.reduce((sum, tally) => sum + tally.failed, 0);
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
