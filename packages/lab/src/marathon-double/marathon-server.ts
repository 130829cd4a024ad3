import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { inNamespace } from '@weir/kernel';
import { answerTo, type MarathonRequest, Refusal } from './marathon-api.ts';
import type { MarathonEvent, Scheduler } from './scheduler.ts';

export interface MarathonServerOptions {
  /** Basic authentication, as `--http_credentials` of Marathon asks for it. */
  credentials?: { user: string; password: string };
  /** The whole header that is wanted instead, as DC/OS has it: `token=…`. */
  authorization?: string;
}

/** Where Marathon usually listens. */
export const MARATHON_PORT = 8080;

/** Jetty's: a line break on the event stream, so that both ends notice a connection that is gone. */
const HEARTBEAT_MS = 10_000;

/** Serves a part of Marathon's API over HTTP (marathon-api.ts), and its event stream. */
export class MarathonServer {
  readonly #scheduler: Scheduler;
  readonly #server: Server;
  readonly #listeners = new Map<ServerResponse, Set<string>>();
  readonly #authorization: string | undefined;
  #leader = '';

  constructor(scheduler: Scheduler, { credentials, authorization }: MarathonServerOptions = {}) {
    this.#scheduler = scheduler;
    this.#authorization = credentials ? `Basic ${btoa(`${credentials.user}:${credentials.password}`)}` : authorization;
    scheduler.subscribe((event) => this.#tell(event));
    this.#server = createServer((request, response) => this.#serve(request, response));
    const heartbeat = setInterval(() => {
      for (const listener of this.#listeners.keys()) listener.write('\r\n');
    }, HEARTBEAT_MS);
    heartbeat.unref();
    this.#server.once('close', () => clearInterval(heartbeat));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('X-Marathon-Leader', this.#leader);
    const url = new URL(request.url ?? '/', 'http://marathon');
    const path = decodeURIComponent(url.pathname).replace(/\/+$/, '');
    if (path === '/ping') {
      response.writeHead(200, { 'content-type': 'text/plain' }).end('pong');
      return;
    }
    if (this.#authorization !== undefined && request.headers.authorization !== this.#authorization) {
      const headers = { 'content-type': 'application/json', 'www-authenticate': 'Basic realm="Mesosphere"' };
      response.writeHead(401, headers).end(JSON.stringify({ message: 'Invalid username or password.' }));
      return;
    }
    if (path === '/v2/events') {
      this.#attach(request, response, url.searchParams.getAll('event_type'));
      return;
    }
    const call: MarathonRequest = { method: request.method ?? 'GET', path, query: url.searchParams, body: await text(request) };
    const { status, body, headers = {} } = this.#answer(call);
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body === undefined ? '' : JSON.stringify(body));
  }

  #answer(call: MarathonRequest): ReturnType<typeof answerTo> {
    try {
      return answerTo(call, this.#scheduler, new URL(this.#leader).host);
    } catch (error) {
      const { message } = error as Error;
      if (!(error instanceof Refusal)) return { status: 500, body: { message } };
      return { status: error.status, body: { message, ...(error.details !== undefined && { details: error.details }) } };
    }
  }

  /** The event stream, until its reader goes. Without the right Accept it is Jetty's 405. */
  #attach(request: IncomingMessage, response: ServerResponse, types: string[]): void {
    if (!(request.headers.accept ?? '').includes('text/event-stream')) {
      response.writeHead(405, { 'content-type': 'text/html;charset=iso-8859-1' }).end('<h2>HTTP ERROR 405</h2>\n');
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    this.#listeners.set(response, new Set(types));
    response.once('close', () => this.#listeners.delete(response));
    this.#tell({ eventType: 'event_stream_attached', remoteAddress: request.socket.remoteAddress });
  }

  #tell(event: MarathonEvent): void {
    const data = JSON.stringify({ ...event, timestamp: new Date().toISOString() });
    for (const [listener, types] of this.#listeners)
      if (types.size === 0 || types.has(event.eventType)) listener.write(`event: ${event.eventType}\r\ndata: ${data}\r\n\r\n`);
  }

  /** @param port on 127.0.0.1; 0 for a free one. @returns the URL */
  async listen(port = 0): Promise<string> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#leader = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this.#leader;
  }

  /** On every address of a network namespace. @param address by which it names itself as the leader */
  async listenIn(namespace: string, port: number, address = '127.0.0.1'): Promise<void> {
    this.#leader = `http://${address}:${port}`;
    // Without an address to look up, the socket is made before listen() returns, and so in the namespace.
    inNamespace(namespace, () => void this.#server.listen(port));
    if (!this.#server.listening) await once(this.#server, 'listening');
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
