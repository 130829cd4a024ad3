/** Answers DNS on addresses of this host, over UDP and TCP. */
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, isIPv6, type Server, type Socket } from 'node:net';
import type { Logger } from '../log.ts';
import { framed, framesOf } from './dns-frames.ts';
import { failure, type Response, type Transport } from './dns-response.ts';

const PORT = 53;
/** Messages that wait for other name servers, all in all and of one client. */
const FORWARDED = 4096;
const FORWARDED_OF_ONE = 1024;
/** Connections over TCP, and how long one may be idle, in milliseconds. */
const CONNECTIONS = 512;
const CONNECTIONS_OF_ONE = 128;
const IDLE = 10_000;
/** Bytes: what comes while this process does something else. The kernel gives what net.core.rmem_max allows. */
const RECEIVE_BUFFER = 4 << 20;

export type Outcome = 'answered' | 'no such name' | 'forwarded' | 'failed' | 'refused';

export interface DnsServerOptions {
  /** Plain IP addresses that this host has. */
  addresses: readonly string[];
  respond: (message: Buffer, transport: Transport) => Response;
  forward: (message: Buffer, transport: Transport) => Promise<Buffer>;
  /** Shown each answer over TCP before it is sent. */
  beforeTcpAnswer: (client: string, answer: Buffer) => void;
  /** Told of each message that was answered. */
  onAnswered: (outcome: Outcome) => void;
  log: Logger;
  port?: number;
  /** How long a connection may be idle, in milliseconds; for tests. */
  idle?: number;
}

export class DnsServer {
  readonly #options: DnsServerOptions;
  readonly #udp: UdpSocket[] = [];
  readonly #tcp: Server[] = [];
  readonly #connections = new Set<Socket>();
  readonly #forwarded = new Map<string, number>();
  #allForwarded = 0;

  private constructor(options: DnsServerOptions) {
    this.#options = options;
  }

  /** Listens on all the addresses. Throws the error of one that cannot be had, and holds none then. */
  static async listen(options: DnsServerOptions): Promise<DnsServer> {
    const server = new DnsServer(options);
    try {
      for (const address of options.addresses) await Promise.all([server.#listenUdp(address), server.#listenTcp(address)]);
      return server;
    } catch (error) {
      server.close();
      throw error;
    }
  }

  async #listenUdp(address: string): Promise<void> {
    const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', recvBufferSize: RECEIVE_BUFFER });
    this.#udp.push(socket);
    socket.bind({ address, port: this.#options.port ?? PORT, exclusive: true });
    await once(socket, 'listening');
    socket.on('error', (error) => this.#options.log.warn({ err: error }, 'DNS over UDP'));
    socket.on('message', (message, client) => void this.#takeDatagram(socket, message, client));
  }

  async #listenTcp(address: string): Promise<void> {
    const server = createServer({ noDelay: true }, (connection) => void this.#converse(connection));
    server.maxConnections = CONNECTIONS;
    this.#tcp.push(server);
    server.listen({ host: address, port: this.#options.port ?? PORT, exclusive: true });
    await once(server, 'listening');
    server.on('error', (error) => this.#options.log.warn({ err: error }, 'DNS over TCP'));
  }

  async #takeDatagram(socket: UdpSocket, message: Buffer, { address, port }: RemoteInfo): Promise<void> {
    const answer = await this.#answer(message, 'UDP', address);
    // A client that is gone, or that the kernel lets nothing to, asks again or not.
    if (answer !== undefined && this.#udp.includes(socket)) socket.send(answer, port, address, () => {});
  }

  /** One message after the other: who asks many at once does so over UDP. */
  async #converse(connection: Socket): Promise<void> {
    const client = connection.remoteAddress ?? '';
    if (this.#connectionsOf(client) >= CONNECTIONS_OF_ONE) {
      connection.destroy();
      return;
    }
    this.#connections.add(connection);
    connection.setTimeout(this.#options.idle ?? IDLE, () => connection.destroy());
    connection.on('error', () => {});
    try {
      for await (const message of framesOf(connection)) {
        const answer = await this.#answer(message, 'TCP', client);
        if (answer === undefined) break;
        this.#options.beforeTcpAnswer(client, answer);
        // Until it is in the kernel, or the connection is over: that one tells no 'drain'.
        const { promise, resolve } = Promise.withResolvers<Error | null | undefined>();
        connection.write(framed(answer), resolve);
        if (await promise) break;
      }
    } catch {
      // It ended in the middle, and its client knows.
    } finally {
      this.#connections.delete(connection);
      connection.destroy();
    }
  }

  /** How many there are over TCP. */
  get connections(): number {
    return this.#connections.size;
  }

  #connectionsOf(client: string): number {
    let count = 0;
    for (const { remoteAddress } of this.#connections) if (remoteAddress === client) count += 1;
    return count;
  }

  async #answer(message: Buffer, transport: Transport, client: string): Promise<Buffer | undefined> {
    const { respond, onAnswered, log } = this.#options;
    try {
      const response = respond(message, transport);
      if (response.kind === 'none') return undefined;
      if (response.kind === 'forward') return await this.#forward(message, transport, client);
      onAnswered(outcomeOf(response.rcode));
      return response.message;
    } catch (error) {
      log.error({ err: error, message: message.toString('base64') }, 'a DNS message could not be answered');
      return undefined;
    }
  }

  async #forward(message: Buffer, transport: Transport, client: string): Promise<Buffer> {
    const { forward, onAnswered, log } = this.#options;
    const ofClient = this.#forwarded.get(client) ?? 0;
    if (ofClient >= FORWARDED_OF_ONE || this.#allForwarded >= FORWARDED) {
      onAnswered('failed');
      return failure(message, 'SERVFAIL');
    }
    this.#allForwarded += 1;
    this.#forwarded.set(client, ofClient + 1);
    try {
      const answer = await forward(message, transport);
      onAnswered('forwarded');
      return answer;
    } catch (error) {
      log.debug({ client, error: (error as Error).message }, 'no name server answered');
      onAnswered('failed');
      return failure(message, 'SERVFAIL');
    } finally {
      this.#allForwarded -= 1;
      const left = this.#forwarded.get(client)! - 1;
      if (left === 0) this.#forwarded.delete(client);
      else this.#forwarded.set(client, left);
    }
  }

  close(): void {
    for (const socket of this.#udp.splice(0)) socket.close();
    for (const server of this.#tcp.splice(0)) server.close();
    for (const connection of this.#connections) connection.destroy();
  }
}

function outcomeOf(rcode: (Response & { kind: 'reply' })['rcode']): Outcome {
  if (rcode === 'NOERROR') return 'answered';
  if (rcode === 'NXDOMAIN') return 'no such name';
  return rcode === 'SERVFAIL' ? 'failed' : 'refused';
}
