/** A text in a file of its own, while somebody has it in an editor. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CliError } from '../cli-error.ts';

const LAST_RESORT = 'vi';

export class EditedFile {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Only its owner may read it: objects may hold passwords. */
  static async with(text: string, name: string): Promise<EditedFile> {
    const path = join(await mkdtemp(join(tmpdir(), 'weir-edit-')), name);
    await writeFile(path, text, { mode: 0o600 });
    return new EditedFile(path);
  }

  /**
   * Waits for the editor that VISUAL or EDITOR name, with its arguments, and gives what is in the file then.
   * @throws CliError EREFUSED when it ends with an error
   */
  async edit({ VISUAL, EDITOR }: NodeJS.ProcessEnv): Promise<string> {
    const editor = VISUAL || EDITOR || LAST_RESORT;
    const { status, signal } = spawnSync('/bin/sh', ['-c', `${editor} "$1"`, 'weir', this.path], { stdio: 'inherit' });
    if (status !== 0)
      throw new CliError('EREFUSED', `the editor "${editor}" ended with ${signal ?? `status ${status}`}: nothing was written`);
    return readFile(this.path, 'utf8');
  }

  async remove(): Promise<void> {
    await rm(dirname(this.path), { recursive: true, force: true });
  }
}
