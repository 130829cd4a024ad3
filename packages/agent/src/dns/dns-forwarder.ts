/** Has other name servers answer: one after the other, those first that did not fail lately. Messages pass as they are, but for their id. */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, isIPv6, type Socket } from 'node:net';
import { framed, framesOf } from './dns-frames.ts';
import type { Transport } from './dns-response.ts';

const PORT = 53;
/** How long one that failed is asked last, in milliseconds. */
const DISTRUST = 30_000;
const HEADER = 12;
/** Answers that the next one may know better: SERVFAIL, NOTIMP, REFUSED. */
const UNHELPFUL: ReadonlySet<number> = new Set([2, 4, 5]);

export interface DnsForwarderOptions {
  servers: () => readonly string[];
  /** For one server, in milliseconds. */
  timeout: number;
  port?: number;
}

export class DnsForwarder {
  readonly #options: Required<DnsForwarderOptions>;
  readonly #failed = new Map<string, number>();

  constructor({ port = PORT, ...options }: DnsForwarderOptions) {
    this.#options = { ...options, port };
  }

  /** @returns the first helpful answer, else the last one. Throws when there was none. */
  async ask(query: Buffer, transport: Transport): Promise<Buffer> {
    let answer: Buffer | undefined;
    let failure = new Error('there is no name server to ask');
    for (const server of this.#inOrder()) {
      try {
        answer = await this.#askOne(query, server, transport);
        this.#failed.delete(server);
        if (!UNHELPFUL.has(answer.readUInt16BE(2) & 0xf)) return answer;
      } catch (error) {
        failure = error as Error;
        this.#failed.set(server, performance.now());
      }
    }
    if (answer === undefined) throw failure;
    return answer;
  }

  #inOrder(): string[] {
    const failedLately = (server: string) => performance.now() - (this.#failed.get(server) ?? Number.NEGATIVE_INFINITY) < DISTRUST;
    const servers = this.#options.servers();
    return [...servers.filter((server) => !failedLately(server)), ...servers.filter(failedLately)];
  }

  async #askOne(query: Buffer, server: string, transport: Transport): Promise<Buffer> {
    // The client's own would tell an outsider what to forge (RFC 5452 §4).
    const question = Buffer.from(query);
    question.writeUInt16BE(randomInt(0x1_0000), 0);
    const { timeout, port } = this.#options;
    const ask = transport === 'UDP' ? askByDatagram : askByStream;
    const answer = await ask(question, { server, port, timeout });
    answer.writeUInt16BE(query.readUInt16BE(0), 0);
    return answer;
  }
}

interface Where {
  server: string;
  port: number;
  timeout: number;
}

/** From a port of its own each time; the socket is connected, so that only the server is heard, and heard of when nobody listens there. */
function askByDatagram(question: Buffer, { server, port, timeout }: Where): Promise<Buffer> {
  const socket = createSocket(isIPv6(server) ? 'udp6' : 'udp4');
  return new Promise<Buffer>((resolve, reject) => {
    const tooLate = setTimeout(() => reject(new Error(`the name server ${server} did not answer within ${timeout} ms`)), timeout);
    socket.on('error', reject);
    socket.on('message', (answer) => {
      if (!isAnswerTo(question, answer)) return;
      clearTimeout(tooLate);
      resolve(answer);
    });
    // No route leads there, say: Node tells that as the first argument, which its types do not have. To send then is an error of its own.
    socket.connect(port, server, (failure?: Error) => (failure === undefined ? socket.send(question) : reject(failure)));
  }).finally(() => socket.close());
}

async function askByStream(question: Buffer, { server, port, timeout }: Where): Promise<Buffer> {
  const socket: Socket = connect({ host: server, port });
  const tooLate = setTimeout(() => socket.destroy(new Error(`the name server ${server} did not answer within ${timeout} ms`)), timeout);
  try {
    socket.write(framed(question));
    for await (const answer of framesOf(socket)) if (isAnswerTo(question, answer)) return answer;
    throw new Error(`the name server ${server} closed the connection`);
  } finally {
    clearTimeout(tooLate);
    socket.destroy();
  }
}

/** Same id and same question; who refuses may leave the question out. */
function isAnswerTo(question: Buffer, answer: Buffer): boolean {
  if (answer.length < HEADER || answer.readUInt16BE(0) !== question.readUInt16BE(0) || (answer[2]! & 0x80) === 0) return false;
  if (answer.readUInt16BE(4) === 0) return (answer[3]! & 0xf) !== 0;
  const end = endOfQuestion(question);
  const text = (message: Buffer) => message.toString('latin1', HEADER, end).toLowerCase();
  return answer.length >= end && text(answer) === text(question);
}

/** Of a message that was decoded already, so it has one, and a first name is never compressed. */
function endOfQuestion(message: Buffer): number {
  let at = HEADER;
  while (message[at]! !== 0) at += message[at]! + 1;
  return at + 5;
}
