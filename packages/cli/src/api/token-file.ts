/**
 * Who may do what: a YAML file of tokens, each as the hash of it, so that who reads the file has no token. It is read again when it has
 * changed.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { CliError } from '../cli-error.ts';

export interface Access {
  /** For the log. */
  name: string;
  /** `write` may read too. */
  rights: 'read' | 'write';
  /** Absent: all of them, and what is in none. */
  namespaces?: string[] | undefined;
}

const HASH = /^sha256:[0-9a-f]{64}$/;

const schema = z.strictObject({
  tokens: z.array(
    z.strictObject({
      name: z.string().min(1),
      hash: z.string().regex(HASH, 'sha256: and 64 hexadecimal digits, as weir api token prints it'),
      rights: z.enum(['read', 'write']),
      namespaces: z.array(z.string().min(1)).min(1).optional(),
    }),
  ),
});

/** 256 bits of chance: to hash them once is enough, nobody guesses them. */
export function newToken(): string {
  return `weir_${randomBytes(32).toString('base64url')}`;
}

export function hashOf(token: string): string {
  return `sha256:${createHash('sha256').update(token).digest('hex')}`;
}

/** @throws CliError EUSAGE */
export function readTokens(path: string): Map<string, Access> {
  let content: unknown;
  try {
    content = parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new CliError('EUSAGE', `cannot read the file of tokens: ${(error as Error).message}`, { cause: error });
  }
  const result = schema.safeParse(content);
  if (!result.success) {
    const details = result.error.issues.map(({ path: field, message }) => `${field.join('.') || '(top level)'}: ${message}`);
    throw new CliError('EUSAGE', `the file of tokens ${path} is not valid`, { details });
  }
  return new Map(result.data.tokens.map(({ hash, ...access }) => [hash, access]));
}

export class TokenFile {
  readonly #path: string;
  readonly #onFailure: (error: Error) => void;
  /** Of the file that was read last. */
  #state: string;
  #tokens: ReadonlyMap<string, Access>;

  /**
   * @param onFailure told of a file that cannot be read any more: what was in it stays good
   * @throws CliError EUSAGE
   */
  constructor(path: string, onFailure: (error: Error) => void) {
    this.#path = path;
    this.#onFailure = onFailure;
    // Before it is read: what is written in between is seen the next time.
    this.#state = stateOf(path);
    this.#tokens = readTokens(path);
  }

  /** Undefined for a token that is not in the file. */
  accessOf(token: string): Access | undefined {
    this.#readAgain();
    return this.#tokens.get(hashOf(token));
  }

  #readAgain(): void {
    try {
      const state = stateOf(this.#path);
      if (state === this.#state) return;
      this.#state = state;
      this.#tokens = readTokens(this.#path);
    } catch (error) {
      this.#onFailure(error as Error);
    }
  }
}

/** Another one whenever the content is. Who installs a file may give it any time of modification, as package managers do: the other times are the kernel's. */
function stateOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? 'not there' : `${stat.ctimeMs} ${stat.size} ${stat.ino}`;
}
