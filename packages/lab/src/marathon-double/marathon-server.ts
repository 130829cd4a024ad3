import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { inNamespace } from '@weir/kernel';
import { appSchema, type MarathonApp } from '@weir/mesos';
import type { z } from 'zod';
import type { Scheduler } from './scheduler.ts';

interface Answer {
  status: number;
  body: unknown;
}

/** An answer that ends the handling of a request; bodies are Marathon's `{message, details}`. */
class Refusal extends Error {
  readonly status: number;
  readonly details: unknown;

  constructor(status: number, message: string, details?: unknown) {
    super(message);
    this.status = status;
    this.details = details;
  }
}

export interface MarathonServerOptions {
  /** Basic authentication, as `--http_credentials` of Marathon asks for it. */
  credentials?: { user: string; password: string };
}

/**
 * Serves a part of Marathon's API (docs/rest-api/public/api/v2): /v2/info, /v2/events, /v2/pods, of which it has none, and /v2/apps with list,
 * create, read, change, delete and tasks.
 */
export class MarathonServer {
  readonly #scheduler: Scheduler;
  readonly #server: Server;
  readonly #listeners = new Set<ServerResponse>();

  constructor(scheduler: Scheduler, { credentials }: MarathonServerOptions = {}) {
    this.#scheduler = scheduler;
    scheduler.onEvent = (event) => this.#tell(event);
    const authorization = credentials && `Basic ${btoa(`${credentials.user}:${credentials.password}`)}`;
    this.#server = createServer(async (request, response) => {
      if (authorization !== undefined && request.headers.authorization !== authorization) {
        const headers = { 'content-type': 'application/json', 'www-authenticate': 'Basic realm="Mesosphere"' };
        return response.writeHead(401, headers).end(JSON.stringify({ message: 'Invalid username or password.' }));
      }
      if (new URL(request.url ?? '/', 'http://marathon').pathname === '/v2/events') return this.#attach(request, response);
      const { status, body } = await this.#handle(request).catch((error: Error) =>
        error instanceof Refusal
          ? { status: error.status, body: { message: error.message, ...(error.details !== undefined && { details: error.details }) } }
          : { status: 500, body: { message: error.message } },
      );
      return response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  }

  /** The event stream, until its reader goes. */
  #attach(request: IncomingMessage, response: ServerResponse): ServerResponse {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    this.#listeners.add(response);
    response.once('close', () => this.#listeners.delete(response));
    this.#tell({ eventType: 'event_stream_attached', remoteAddress: request.socket.remoteAddress });
    return response;
  }

  #tell(event: { eventType: string; [field: string]: unknown }): void {
    const data = JSON.stringify({ ...event, timestamp: new Date().toISOString() });
    for (const listener of this.#listeners) listener.write(`event: ${event.eventType}\ndata: ${data}\n\n`);
  }

  /** @param port on 127.0.0.1; 0 for a free one. @returns the URL */
  async listen(port = 0): Promise<string> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** On every address of a network namespace. */
  async listenIn(namespace: string, port: number): Promise<void> {
    // Without an address to look up, the socket is made before listen() returns, and so in the namespace.
    inNamespace(namespace, () => void this.#server.listen(port));
    if (!this.#server.listening) await once(this.#server, 'listening');
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #handle(request: IncomingMessage): Promise<Answer> {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://marathon').pathname).replace(/\/+$/, '');
    const body = await text(request);
    if (path === '/v2/info' && request.method === 'GET')
      return { status: 200, body: { name: 'marathon', version: '1.8.0', frameworkId: 'weir-lab' } };
    if (path === '/v2/pods' && request.method === 'GET') return { status: 200, body: [] };
    if (path === '/v2/apps') return this.#handleApps(request.method, body);
    if (!path.startsWith('/v2/apps/')) throw new Refusal(404, `no such resource: ${path}`);
    const id = path.slice('/v2/apps'.length);
    if (id.endsWith('/tasks') && request.method === 'GET') {
      const appId = id.slice(0, -'/tasks'.length);
      const tasks = this.#scheduler.tasks(appId);
      if (!tasks) throw new Refusal(404, `App '${appId}' does not exist`);
      return { status: 200, body: { tasks } };
    }
    return this.#handleApp(request.method, id, body);
  }

  #handleApps(method: string | undefined, body: string): Answer {
    if (method === 'GET') return { status: 200, body: { apps: this.#scheduler.list() } };
    if (method !== 'POST') throw new Refusal(405, `${method} is not allowed here`);
    const app = parseApp(parseJson(body));
    if (this.#scheduler.get(app.id)) throw new Refusal(409, `An app with id [${app.id}] already exists.`);
    this.#scheduler.apply(app);
    return { status: 201, body: this.#scheduler.get(app.id) };
  }

  #handleApp(method: string | undefined, id: string, body: string): Answer {
    const known = this.#scheduler.definition(id);
    if (method === 'PUT') {
      const change = parseJson(body) as object;
      return { status: known ? 200 : 201, body: this.#scheduler.apply(parseApp({ ...known, ...change, id })) };
    }
    if (!known) throw new Refusal(404, `App '${id}' does not exist`);
    if (method === 'GET') return { status: 200, body: { app: this.#scheduler.get(id) } };
    if (method === 'DELETE') return { status: 200, body: this.#scheduler.remove(id) };
    throw new Refusal(405, `${method} is not allowed here`);
  }
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw new Refusal(400, 'Invalid JSON', [{ path: '', errors: [(error as Error).message] }]);
  }
}

function parseApp(value: unknown): MarathonApp {
  const parsed = appSchema.safeParse(value);
  if (!parsed.success) throw new Refusal(422, 'Object is not valid', parsed.error.issues.map(toDetail));
  const app = parsed.data;
  if (app.cmd === undefined) throw new Refusal(422, 'Object is not valid', [{ path: '/', errors: ["AppDefinition must contain 'cmd'"] }]);
  if (app.networks.some(({ mode, name }) => mode === 'container' && name === undefined))
    throw new Refusal(422, 'Object is not valid', [{ path: '/networks', errors: ['a network of mode container must have a name'] }]);
  return app;
}

function toDetail(issue: z.core.$ZodIssue): { path: string; errors: string[] } {
  return { path: `/${issue.path.join('/')}`, errors: [issue.message] };
}
