import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Call } from '../protocol/request.ts';
import { decodeResult, encodeResult, type Result } from '../protocol/result.ts';
import type { Attached } from '../protocol/valid-attachments.ts';
import { LATEST_CNI_VERSION } from '../protocol/version.ts';

const fileSchema = z.object({ network: z.string(), containerId: z.string(), interfaceName: z.string(), result: z.unknown() });

/**
 * Results of chains, kept on the host: from 0.4.0 on a plugin gets its chain's result on DEL and CHECK, and Mesos hands none back. A file for
 * each attachment, replaced whole, in a folder that a reboot empties, as it does what the plugins made in the kernel.
 */
export class ResultCache {
  readonly #folder: string;

  /** @param folder made when it is first needed */
  constructor(folder: string) {
    this.#folder = folder;
  }

  keep(call: Call, result: Result): void {
    const { containerId, interfaceName, config } = call;
    const content = { network: config.name, containerId, interfaceName, result: encodeResult(result, LATEST_CNI_VERSION) };
    const path = this.#pathOf(call);
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    writeFileSync(`${path}.new`, JSON.stringify(content), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  /** Undefined when there is none that can be read: DEL goes on without. */
  find(call: Call): Result | undefined {
    try {
      return decodeResult(fileSchema.parse(JSON.parse(readFileSync(this.#pathOf(call), 'utf8'))).result, LATEST_CNI_VERSION);
    } catch {
      return undefined;
    }
  }

  forget(call: Call): void {
    rmSync(this.#pathOf(call), { force: true });
  }

  /** Whose results of a network there are. */
  attachments(network: string): Attached[] {
    return this.#names().flatMap((name) => {
      try {
        const { network: of, containerId, interfaceName } = fileSchema.parse(JSON.parse(readFileSync(join(this.#folder, name), 'utf8')));
        return of === network ? [{ containerId, interfaceName }] : [];
      } catch {
        return []; // removed meanwhile
      }
    });
  }

  #names(): string[] {
    try {
      return readdirSync(this.#folder).filter((name) => name.endsWith('.json'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  /** Ids of containers may be longer than a file's name. */
  #pathOf({ config, containerId, interfaceName }: Call): string {
    const hash = createHash('sha256').update([config.name, containerId, interfaceName].join('\0'));
    return join(this.#folder, `${hash.digest('hex')}.json`);
  }
}
