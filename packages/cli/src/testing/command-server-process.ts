/** Runs command lines one after the other in one process, for tests: the start of a process costs more than most commands do. */
import { PassThrough } from 'node:stream';
import { main } from '../main.ts';

export interface RunRequest {
  argv: readonly string[];
  stdin: string;
  env: NodeJS.ProcessEnv;
  folder: string;
}

export interface Run {
  status: number | null;
  stdout: string;
  stderr: string;
}

// A module of its own process: nothing else writes to these streams or reads this environment.
process.on('message', async ({ argv, stdin, env, folder }: RunRequest) => {
  process.chdir(folder);
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  const run: Run = { status: null, stdout: '', stderr: '' };
  process.stdout.write = (text) => append(run, 'stdout', text);
  process.stderr.write = (text) => append(run, 'stderr', text);
  Object.defineProperty(process, 'stdin', { value: new PassThrough().end(stdin), configurable: true });
  run.status = await main([...argv]);
  process.send!(run);
});

// Whatever a command has left open.
process.on('disconnect', () => process.exit());

function append(run: Run, stream: 'stdout' | 'stderr', text: string | Uint8Array): boolean {
  run[stream] += String(text);
  return true;
}
