import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { text } from 'node:stream/consumers';

export interface PluginCall {
  /** Full path; it is all of argv, too. */
  plugin: string;
  /** All of the environment. */
  environment: Record<string, string>;
  /** A regular file, opened as stdin. */
  stdinPath: string;
}

export interface PluginAnswer {
  /** 128 + signal number when the plugin was killed, as a shell has it. */
  exitCode: number;
  stdout: string;
  stderr: string;
}

export type RunPlugin = (call: PluginCall) => Promise<PluginAnswer>;

/**
 * Runs a CNI plugin as the Mesos agent does. There is no time limit, and the answer is there only when stdout and stderr are closed by
 * everybody who inherited them.
 *
 * @param within runs the start of the process in the host's network namespace; the identity by default
 */
export function pluginRunner(within: (start: () => ChildProcess) => ChildProcess = (start) => start()): RunPlugin {
  return async ({ plugin, environment, stdinPath }) => {
    const stdin = openSync(stdinPath, 'r');
    let child: ChildProcess;
    try {
      child = within(() => spawn(plugin, [], { env: environment, stdio: [stdin, 'pipe', 'pipe'] }));
    } finally {
      closeSync(stdin);
    }
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout!),
      text(child.stderr!),
      once(child, 'close') as Promise<[number | null]>,
    ]);
    return { exitCode: code ?? 128 + 9, stdout, stderr };
  };
}
