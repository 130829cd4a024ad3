import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { LabError } from '../lab-error.ts';
import type { LabHost } from '../lab-host.ts';
import { REPOSITORY, WEIR } from '../repository.ts';
import type { Narrator } from './narrator.ts';

/** Types `weir` commands on a host, in the repository's folder. */
export class Operator {
  readonly #host: LabHost;
  readonly #storeEnvironment: Record<string, string>;
  readonly #narrator: Narrator;

  constructor(host: LabHost, storeEnvironment: Record<string, string>, narrator: Narrator) {
    this.#host = host;
    this.#storeEnvironment = storeEnvironment;
    this.#narrator = narrator;
  }

  /**
   * Runs the CLI as a process of its own and shows command and output.
   *
   * @throws {LabError} ECOMMAND with what it said, when it ends with another status than 0
   */
  async weir(...args: string[]): Promise<void> {
    const child = this.#host.spawn(process.execPath, [WEIR, ...args], {
      cwd: REPOSITORY,
      env: { ...process.env, ...this.#storeEnvironment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout!),
      text(child.stderr!),
      once(child, 'close') as Promise<[number | null]>,
    ]);
    const line = `weir ${args.join(' ')}`;
    this.#narrator.command(line, stdout);
    if (code !== 0) throw new LabError('ECOMMAND', `'${line}' ended with status ${code}: ${stderr.trim()}`);
  }
}
