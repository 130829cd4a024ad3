import { once } from 'node:events';
import { request as ask, createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * A Marathon that does not lead (LeaderProxyFilter.scala): it passes requests on to the leader, sends readers of the event stream there, and
 * answers 502 while nobody leads.
 */
export class StandbyMarathon {
  readonly #server: Server;
  /** Its address; undefined while nobody leads. */
  leader: string | undefined;

  constructor(leader?: string) {
    this.leader = leader;
    this.#server = createServer((request, response) => {
      if (this.leader === undefined) {
        response.writeHead(502, { 'content-type': 'text/html' }).end('Could not determine the current leader');
      } else if (request.url!.startsWith('/v2/events')) {
        response.writeHead(302, { location: this.leader + request.url }).end();
      } else {
        const headers = { ...request.headers, via: '1.1 standby' };
        const forwarded = ask(this.leader + request.url, { method: request.method!, headers }, (answer) => {
          response.writeHead(answer.statusCode!, answer.headers);
          answer.pipe(response);
        });
        forwarded.once('error', () => response.writeHead(502).end('Could not connect to the leader'));
        request.pipe(forwarded);
      }
    });
  }

  /** On a free port of 127.0.0.1. @returns the URL */
  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
