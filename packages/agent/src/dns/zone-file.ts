/** The zone as it was, for an agent that starts while the store is away. In its run directory, so not from before the machine was started. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import type { Zone } from './zone.ts';

const schema = z.array(
  z.tuple([
    z.string(),
    z.object({
      rank: z.enum(['service', 'endpoint']),
      names: z.array(z.string()),
      ownName: z.string(),
      addresses: z.array(z.string()),
      owned: z.array(z.string()),
      ports: z.array(z.object({ name: z.string().exactOptional(), protocol: z.enum(['TCP', 'UDP', 'SCTP']), port: z.int() })),
    }),
  ]),
);

export class ZoneFile {
  readonly #path: string;
  readonly #zone: Zone;
  #savedSerial: number | undefined;

  constructor(path: string, zone: Zone) {
    this.#path = path;
    this.#zone = zone;
  }

  /** @returns whether there was one. What cannot be read is as if there were none */
  load(): boolean {
    try {
      this.#zone.recall(schema.parse(JSON.parse(readFileSync(this.#path, 'utf8'))));
      return true;
    } catch {
      return false;
    }
  }

  /** Writes it where it has changed since the last time: all of it or, when cut, nothing. */
  save(): void {
    const { serial } = this.#zone;
    if (serial === this.#savedSerial) return;
    writeFileSync(`${this.#path}.new`, JSON.stringify([...this.#zone.entries]), { mode: 0o600 });
    renameSync(`${this.#path}.new`, this.#path);
    this.#savedSerial = serial;
  }
}
