import { createRequire } from 'node:module';
import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import {
  type CallOptions,
  Channel,
  type ChannelCredentials,
  type ChannelOptions,
  type Client,
  credentials,
  type GrpcObject,
  loadPackageDefinition,
  Metadata,
  type ServiceClientConstructor,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { type ICallable, KVClient, LeaseClient, type Services, WatchClient } from 'etcd3';

/** What the certificate files hold; undefined parts are not used. */
export interface TlsMaterial {
  ca: Buffer | undefined;
  cert: Buffer | undefined;
  key: Buffer | undefined;
}

export interface ConnectionOptions {
  /** `http://host:port` or `https://host:port`. */
  endpoint: string;
  tls: TlsMaterial;
  auth: { username: string; password: string } | undefined;
  /** How long one request may take. */
  attemptMilliseconds: number;
}

type Method = (params: unknown, metadata: Metadata, options: CallOptions, done: (error: Error | null, answer: unknown) => void) => void;

/**
 * One endpoint of etcd: a gRPC channel (it connects by itself, when first used and again after each loss) under etcd3's typed clients.
 *
 * etcd3's own connection pool is not used. It sends every failed request again, writes included; refuses all calls for five seconds after three
 * failures; takes a canceled watch for a failed host and closes the channel under all other calls; and under Node 26 cannot speak TLS with an endpoint
 * that is an address, since it leaves the server name to grpc-js, which sets the address and is refused (RFC 6066 §3 wants a name).
 */
export class Connection implements ICallable<undefined> {
  readonly kv: KVClient = new KVClient(this);
  readonly watches: WatchClient = new WatchClient(this);
  readonly leases: LeaseClient = new LeaseClient(this);
  readonly callOptionsFactory: undefined;
  readonly #options: ConnectionOptions;
  readonly #address: string;
  readonly #credentials: ChannelCredentials;
  readonly #channel: Channel;
  readonly #clients = new Map<keyof typeof Services, Client>();
  #authenticated: Promise<Metadata> | undefined;

  /** Makes no connection. Throws what OpenSSL says of a certificate or key that it cannot read. */
  constructor(options: ConnectionOptions) {
    const { protocol, hostname, port } = new URL(options.endpoint);
    this.#options = options;
    // A URL drops the port that its scheme stands for.
    this.#address = `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`;
    this.#credentials = protocol === 'https:' ? tlsCredentials(hostname, options.tls) : credentials.createInsecure();
    this.#channel = new Channel(this.#address, this.#credentials, { ...CHANNEL_OPTIONS, ...serverNameOption(protocol, hostname) });
  }

  async exec<Answer>(service: keyof typeof Services, method: string, params: unknown): Promise<Answer> {
    const metadata = await this.#authenticate();
    try {
      return await this.#send<Answer>(service, method, params, metadata);
    } catch (error) {
      if (!(error instanceof Error && TOKEN_REFUSED.test(error.message))) throw error;
      // Such a request was refused, not done.
      this.#authenticated = undefined;
      return this.#send<Answer>(service, method, params, await this.#authenticate());
    }
  }

  /** For streams. An old token is not noticed here: a request before it takes care of that. */
  async withConnection<Result>(
    service: keyof typeof Services,
    open: (connection: { resource: undefined; client: Client; metadata: Metadata }) => Promise<Result> | Result,
  ): Promise<Result> {
    const metadata = (await this.#authenticate()).clone();
    metadata.set(...REQUIRE_LEADER);
    return open({ resource: undefined, client: this.#client(service), metadata });
  }

  markFailed(): void {
    // The channel sees to itself.
  }

  close(): void {
    this.#channel.close();
  }

  #send<Answer>(service: keyof typeof Services, method: string, params: unknown, metadata: Metadata): Promise<Answer> {
    const client = this.#client(service);
    const deadline = Date.now() + this.#options.attemptMilliseconds;
    return new Promise((resolve, reject) => {
      (client as unknown as Record<string, Method>)[method]!(params, metadata, { deadline }, (error, answer) =>
        error ? reject(error) : resolve(answer as Answer),
      );
    });
  }

  /** https://etcd.io/docs/v3.4/learning/design-auth-v3/: a password is exchanged for a token that goes with each request. */
  #authenticate(): Promise<Metadata> {
    this.#authenticated ??= this.#fetchToken();
    this.#authenticated.catch(() => {
      this.#authenticated = undefined;
    });
    return this.#authenticated;
  }

  async #fetchToken(): Promise<Metadata> {
    const metadata = new Metadata();
    const { auth } = this.#options;
    if (!auth) return metadata;
    const { token } = await this.#send<{ token: string }>(
      'Auth',
      'authenticate',
      { name: auth.username, password: auth.password },
      new Metadata(),
    );
    metadata.set('token', token);
    return metadata;
  }

  #client(service: keyof typeof Services): Client {
    let client = this.#clients.get(service);
    if (!client) {
      const Service = etcdServices()[service] as ServiceClientConstructor;
      client = new Service(this.#address, this.#credentials, { channelOverride: this.#channel });
      this.#clients.set(service, client);
    }
    return client;
  }
}

/** A token is good for a few minutes, and not for a server that was started again; one that is a JWT, not after any user or role was changed. */
const TOKEN_REFUSED = /etcdserver: (invalid auth token|revision of auth store is old)|auth: revision in header is old/;

/** A member that has lost the rest of its cluster keeps a stream open, and has nothing to say on it: with this it ends the stream. */
const REQUIRE_LEADER = ['hasleader', 'true'] as const;

const CHANNEL_OPTIONS: ChannelOptions = {
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
  // What is sent again is decided in Endpoints.
  'grpc.enable_retries': 0,
};

/** Sent instead of an address, which may not be sent; etcd does not look at it. */
const NAME_FOR_ADDRESSES = 'etcd';

function serverNameOption(protocol: string, hostname: string): ChannelOptions {
  return protocol === 'https:' && isAddress(hostname) ? { 'grpc.ssl_target_name_override': NAME_FOR_ADDRESSES } : {};
}

/** The certificate has to be valid for the endpoint as it is written, name or address, whatever name is sent. */
function tlsCredentials(hostname: string, { ca, cert, key }: TlsMaterial): ChannelCredentials {
  const host = hostname.replace(/^\[|\]$/g, '');
  return credentials.createSsl(ca ?? null, key ?? null, cert ?? null, {
    checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
  });
}

function isAddress(hostname: string): boolean {
  return isIP(hostname.replace(/^\[|\]$/g, '')) !== 0;
}

let loaded: GrpcObject | undefined;

/** etcd's service definitions, as etcd3 brings them and its types describe their messages. */
function etcdServices(): GrpcObject {
  loaded ??= loadPackageDefinition(
    loadSync(createRequire(import.meta.url).resolve('etcd3/proto/rpc.proto'), {
      keepCase: true,
      longs: String,
      enums: String,
      defaults: true,
      oneofs: true,
    }),
  ).etcdserverpb as GrpcObject;
  return loaded;
}
