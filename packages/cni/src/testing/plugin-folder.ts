import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';

/** A folder for CNI_PATH with executable scripts that a test writes; it is removed with the test. */
export class PluginFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(t: Pick<ExecutionContext, 'teardown'>): Promise<PluginFolder> {
    const path = await mkdtemp(join(tmpdir(), 'weir-plugins-'));
    t.teardown(() => rm(path, { recursive: true, force: true }));
    return new PluginFolder(path);
  }

  /** Writes a shell script; `$DIR` in it is the folder. */
  async add(name: string, script: string): Promise<void> {
    await writeFile(join(this.path, name), `#!/bin/sh\nDIR=${this.path}\n${script}\n`, { mode: 0o755 });
  }

  /** A plugin that writes its command and configuration to `<name>.calls`, one JSON a line, and answers ADD with `result`. */
  async addRecorder(name: string, result: object): Promise<void> {
    const answer = JSON.stringify(result);
    await this.add(
      name,
      `printf '{"command":"%s","config":%s}\\n' "$CNI_COMMAND" "$(cat)" >> $DIR/${name}.calls\n[ $CNI_COMMAND != ADD ] || printf '%s' '${answer}'`,
    );
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests look into configurations of every kind
  async calls(name: string): Promise<{ command: string; config: any }[]> {
    const lines = (await readFile(join(this.path, `${name}.calls`), 'utf8')).trim().split('\n');
    return lines.map((line) => JSON.parse(line));
  }
}
