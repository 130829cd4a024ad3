import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { CNI_CODE, CniError } from '../cni-error.ts';

export interface Execution {
  path: string;
  environment: Record<string, string>;
  stdin: string;
  /** Milliseconds. Below the launcher's own limit, so that the failure names the plugin. */
  timeout?: number;
}

export interface Outcome {
  /** Name of the signal when one ended it. */
  exitCode: number | string;
  stdout: string;
  stderr: string;
}

const DEFAULT_TIMEOUT = 50_000;

/** A plugin that is being written cannot be started. libcni tries for as long. */
const BUSY_TIME = 5_000;
const BUSY_PAUSE = 100;

/** How long to read on after the plugin's end, in milliseconds, while a process that it left behind holds its output open. */
const DRAIN_TIME = 500;

/** No result is larger; a plugin that floods its output must not take the agent's memory. */
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;

/**
 * Looks a plugin up as libcni does: the first folder that has an executable file of that name.
 * @throws CniError 7 for a name with a path in it, 5 when no folder has it
 */
export async function findPlugin(type: string, folders: readonly string[]): Promise<string> {
  if (type.includes('/') || type === '.' || type === '..') {
    throw new CniError(CNI_CODE.invalidConfig, `plugin type ${JSON.stringify(type)} is not a file name`, {
      details: 'a type is looked up in the folders of CNI_PATH',
    });
  }
  for (const folder of folders) {
    const path = join(folder, type);
    if (await isExecutableFile(path)) return path;
  }
  throw new CniError(CNI_CODE.io, `there is no plugin "${type}" in ${folders.join(' or ')}`, {
    // Without `plugin`, so that DEL succeeds: one that is not there can remove nothing, however often the runtime asks.
    details: "put its binary in the folder that --network_cni_plugins_dir names, or correct the network's configuration",
  });
}

async function isExecutableFile(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/**
 * Runs a plugin, with no shell and with the given environment alone.
 * @throws CniError 5 when it cannot be started, 11 when it takes too long (it is killed)
 */
export async function executePlugin(execution: Execution): Promise<Outcome> {
  const patience = performance.now() + BUSY_TIME;
  for (;;) {
    try {
      return await run(execution);
    } catch (error) {
      if (error instanceof CniError) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'ETXTBSY' || performance.now() > patience) {
        throw new CniError(CNI_CODE.io, `${execution.path} cannot be started: ${message}`, { cause: error, plugin: execution.path });
      }
      await pause(BUSY_PAUSE);
    }
  }
}

/** Rejects with Node's own error when it cannot be started. */
function run({ path, environment, stdin, timeout = DEFAULT_TIMEOUT }: Execution): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(path, [], { env: environment, stdio: ['pipe', 'pipe', 'pipe'], timeout, killSignal: 'SIGKILL' });
    const started = performance.now();
    child.once('error', reject);
    // A plugin may end without reading its configuration: its exit code tells, not the broken pipe.
    child.stdin.on('error', () => {});
    child.stdin.end(stdin);
    const stdout = collect(child.stdout);
    const stderr = collect(child.stderr);
    child.once('exit', (exitCode, signal) => {
      // The pipes stay open as long as any grandchild has them; the plugin itself has ended, and that is what counts.
      const drain = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, DRAIN_TIME);
      child.once('close', () => {
        clearTimeout(drain);
        if (signal === 'SIGKILL' && performance.now() - started >= timeout) {
          reject(new CniError(CNI_CODE.tryAgain, `${path} did not end within ${timeout / 1000} s and was killed`, { plugin: path }));
        } else {
          resolve({ exitCode: exitCode ?? signal ?? 'no exit code', stdout: stdout(), stderr: stderr() });
        }
      });
    });
  });
}

/** @returns a function that gives what has been read */
function collect(stream: Readable): () => string {
  const chunks: Buffer[] = [];
  let length = 0;
  stream.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > MAX_OUTPUT_BYTES) stream.destroy();
    else chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString('utf8');
}
