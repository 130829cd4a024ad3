import { readFile } from 'node:fs/promises';
import { noop } from 'cockatiel';
import { Etcd3, type IOptions } from 'etcd3';
import { StoreError } from '../store-error.ts';
import type { EtcdOptions } from '../store-options.ts';
import { failureOf, storeErrorOf } from './etcd-error.ts';

export interface Attempt {
  client: Etcd3;
  /** Epoch milliseconds by which this attempt has to end. */
  deadline: number;
}

export interface CallOptions {
  /** Whether the call changes something: it is then sent again only if the failed attempt cannot have reached a server. */
  writes: boolean;
}

/** A blackholed endpoint must leave time for the others, a slow disk must not make a good one fail. */
const MINIMUM_ATTEMPT_MILLISECONDS = 1000;

/**
 * One client per endpoint, used one at a time: the endpoint that answered last goes on being used, and a failure moves on to the next.
 *
 * etcd3's own fault handling (a retry of everything, writes included, and a circuit breaker that refuses all calls for five seconds after three
 * failures) is switched off. What is tried again is decided here.
 */
export class Endpoints {
  readonly #options: EtcdOptions;
  readonly #clients: Etcd3[];
  #current: number;

  private constructor(options: EtcdOptions, clients: Etcd3[]) {
    this.#options = options;
    this.#clients = clients;
    // Spreads many hosts' agents over the members.
    this.#current = Math.floor(Math.random() * clients.length);
  }

  /** Reads certificate and password files. Throws ETLS or EAUTH naming a file that cannot be read; makes no connection. */
  static async open(options: EtcdOptions): Promise<Endpoints> {
    const shared = { ...(await credentialsOf(options)), faultHandling: { host: () => noop, global: noop }, grpcOptions: GRPC_OPTIONS };
    const attemptMilliseconds = attemptTime(options);
    const auth = await authOf(options);
    return new Endpoints(
      options,
      options.endpoints.map(
        (endpoint) =>
          new Etcd3({
            ...shared,
            hosts: endpoint,
            ...(auth && { auth: { ...auth, callOptions: () => ({ deadline: Date.now() + attemptMilliseconds }) } }),
            defaultCallOptions: ({ isStream }) => (isStream ? {} : { deadline: Date.now() + attemptMilliseconds }),
          }),
      ),
    );
  }

  /** Tries each endpoint once, and one at least twice: a connection that broke unnoticed fails the first call on it. */
  async call<Result>(action: (attempt: Attempt) => Promise<Result>, { writes }: CallOptions): Promise<Result> {
    const attempts = Math.max(2, this.#clients.length);
    const giveUp = Date.now() + this.#options.timeoutMilliseconds;
    for (let attempt = 1; ; attempt++) {
      const index = this.#current;
      const started = Date.now();
      try {
        return await action({ client: this.#clients[index]!, deadline: started + attemptTime(this.#options) });
      } catch (error) {
        if (error instanceof StoreError) throw error;
        const failure = failureOf(error);
        const repeatable = failure.code === 'EUNAVAILABLE' || failure.code === 'ETLS';
        if (repeatable && this.#current === index) this.#current = (index + 1) % this.#clients.length;
        if (!repeatable || attempt >= attempts || Date.now() >= giveUp || (writes && !failure.unsent)) {
          throw storeErrorOf(failure, this.#options, writes);
        }
      }
    }
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}

const GRPC_OPTIONS: IOptions['grpcOptions'] = {
  // gRPC's default of 4 MiB is less than a list of ten thousand endpoints.
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  // Notices a peer that vanished without a word; etcd allows a ping each 5 s (--grpc-keepalive-min-time).
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  // gRPC would wait up to two minutes before it tries a server again that was down.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  // A proxy for web downloads (http_proxy) is not meant for etcd.
  'grpc.enable_http_proxy': 0,
};

function attemptTime({ endpoints, timeoutMilliseconds }: EtcdOptions): number {
  return Math.min(timeoutMilliseconds, Math.max(MINIMUM_ATTEMPT_MILLISECONDS, timeoutMilliseconds / endpoints.length));
}

async function credentialsOf({ caFile, certFile, keyFile }: EtcdOptions): Promise<Pick<IOptions, 'credentials'>> {
  if (caFile === undefined && certFile === undefined) return {};
  const read = (file: string | undefined) => file && readSetting(file, 'ETLS');
  const [rootCertificate, certChain, privateKey] = await Promise.all([read(caFile), read(certFile), read(keyFile)]);
  // etcd3's type wants a root, grpc-js takes its absence as "the built-in authorities".
  return { credentials: { rootCertificate, certChain, privateKey } as IOptions['credentials'] };
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
