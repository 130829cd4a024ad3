import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { ExponentialBackoff, type IBackoff } from 'cockatiel';
import { StoreError } from '../store-error.ts';
import type { EtcdOptions } from '../store-options.ts';
import { Connection } from './connection.ts';
import { failureOf, storeErrorOf } from './etcd-error.ts';

export interface CallOptions {
  /** Whether the call changes something: it is then sent again only if the failed attempt cannot have reached a server. */
  writes: boolean;
  /** Ends the waiting between attempts; what failed last is thrown. */
  signal?: AbortSignal;
}

/** A blackholed endpoint must leave time for the others, a slow disk must not make a good one fail. */
const MINIMUM_ATTEMPT_MILLISECONDS = 1000;

/** The endpoints of one cluster, used one at a time: the one that answered last goes on being used, and a failure moves on to the next. */
export class Endpoints {
  readonly #options: EtcdOptions;
  readonly #connections: Connection[];
  #current: number;
  #reached = false;
  #closed = false;

  private constructor(options: EtcdOptions, connections: Connection[]) {
    this.#options = options;
    this.#connections = connections;
    // Spreads many hosts' agents over the members.
    this.#current = Math.floor(Math.random() * connections.length);
  }

  get #firstRound(): number {
    return Math.max(2, this.#connections.length);
  }

  /** Reads certificate and password files; makes no connection. Throws ETLS or EAUTH naming a file that is of no use. */
  static async open(options: EtcdOptions): Promise<Endpoints> {
    const { caFile, certFile, keyFile, endpoints, timeoutMilliseconds } = options;
    const read = async (file: string | undefined) => (file === undefined ? undefined : readSetting(file, 'ETLS'));
    const [ca, cert, key] = await Promise.all([read(caFile), read(certFile), read(keyFile)]);
    const auth = await authOf(options);
    const attemptMilliseconds = Math.min(
      timeoutMilliseconds,
      Math.max(MINIMUM_ATTEMPT_MILLISECONDS, timeoutMilliseconds / endpoints.length),
    );
    try {
      return new Endpoints(
        options,
        endpoints.map((endpoint) => new Connection({ endpoint, tls: { ca, cert, key }, auth, attemptMilliseconds })),
      );
    } catch (error) {
      const files = [caFile, certFile, keyFile].filter((file) => file !== undefined).join(', ');
      throw new StoreError(
        'ETLS',
        `etcd: ${files}: ${(error as Error).message}; check that they are PEM files and the key is the certificate's`,
        {
          cause: error,
        },
      );
    }
  }

  /**
   * Tries each endpoint once, and one at least twice: a connection that broke unnoticed fails the first call on it.
   * Once the cluster was reached, an outage shorter than the timeout is waited out; before, a wrong address is told at once.
   */
  async call<Result>(action: (connection: Connection) => Promise<Result>, { writes, signal }: CallOptions): Promise<Result> {
    // With less than a tenth of the time left, another attempt would only be late.
    const giveUp = performance.now() + this.#options.timeoutMilliseconds * 0.9;
    let backoff: IBackoff<unknown> | undefined;
    for (let attempt = 1; ; attempt++) {
      const index = this.#current;
      try {
        const result = await action(this.#connections[index]!);
        this.#reached = true;
        return result;
      } catch (error) {
        if (error instanceof StoreError) throw error;
        const failure = failureOf(error);
        const elsewhere = failure.code === 'EUNAVAILABLE' || failure.code === 'ETLS';
        if (elsewhere && this.#current === index) this.#current = (index + 1) % this.#connections.length;
        const over = performance.now() >= giveUp || signal?.aborted || this.#closed || (!this.#reached && attempt >= this.#firstRound);
        if (!elsewhere || over || (writes && !failure.unsent)) throw storeErrorOf(failure, this.#options, writes);
      }
      if (attempt < this.#firstRound) continue;
      backoff = backoff?.next(undefined) ?? new ExponentialBackoff({ initialDelay: 50, maxDelay: 500 }).next();
      await setTimeout(backoff.duration, undefined, { signal }).catch(() => {});
    }
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#connections) connection.close();
  }
}

async function authOf({ username, password }: EtcdOptions): Promise<{ username: string; password: string } | undefined> {
  if (username === undefined || password === undefined) return undefined;
  if ('text' in password) return { username, password: password.text };
  const text = (await readSetting(password.file, 'EAUTH')).toString();
  return { username, password: text.replace(/\r?\n$/, '') };
}

async function readSetting(file: string, code: 'ETLS' | 'EAUTH'): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new StoreError(code, `etcd: ${file} cannot be read: ${(error as Error).message}; check its path and rights`, { cause: error });
  }
}
