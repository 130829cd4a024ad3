/** BIRD's control socket, spoken as birdc does. */
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { AgentError } from '../agent-error.ts';

/** How long an answer may take, in milliseconds. */
const PATIENCE = 5_000;

interface BirdAnswer {
  /** Without the codes in front of them. */
  lines: string[];
  /** Of the last line (doc/reply_codes of BIRD): from 8000 on it refuses. */
  code: number;
}

/** One connection, on which one question is asked after the other. */
export class BirdControl {
  /** Resolves when BIRD is gone, or the connection is. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  #waiting: PromiseWithResolvers<BirdAnswer> | undefined;
  #lines: string[] = [];
  #last: Promise<unknown> = Promise.resolve();

  private constructor(socket: Socket) {
    this.#socket = socket;
    // Not `once` of node:events, which throws at an 'error' that comes before: of a BIRD that was killed with a question unread.
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    socket.once('close', () => {
      this.#waiting?.reject(new AgentError('EBIRD', 'BIRD ended before it answered'));
      resolve();
    });
    createInterface({ input: socket })
      .on('line', (line) => this.#take(line))
      .on('error', () => {}); // the socket's, told by 'close'
  }

  /** @throws AgentError EBIRD when nobody listens there */
  static async connect(path: string): Promise<BirdControl> {
    const socket = createConnection(path);
    socket.unref();
    socket.on('error', () => {}); // told by 'close', too
    try {
      await once(socket, 'connect');
    } catch (error) {
      throw new AgentError('EBIRD', `no BIRD answers at ${path}: ${(error as Error).message}`, { cause: error });
    }
    const control = new BirdControl(socket);
    const greeting = control.#answer('its greeting');
    await greeting;
    return control;
  }

  /** @throws AgentError EBIRD when it does not answer in time, or ends */
  ask(command: string): Promise<BirdAnswer> {
    const answer = this.#last.then(() => {
      this.#socket.write(`${command}\n`);
      return this.#answer(command);
    });
    this.#last = answer.catch(() => {});
    return answer;
  }

  close(): void {
    this.#socket.destroy();
  }

  async #answer(to: string): Promise<BirdAnswer> {
    const waiting = Promise.withResolvers<BirdAnswer>();
    this.#waiting = waiting;
    this.#lines = [];
    const timer = setTimeout(() => {
      waiting.reject(new AgentError('EBIRD', `BIRD has not answered for ${PATIENCE / 1000} s: ${to}`));
      // What it says later would be taken for the next answer.
      this.close();
    }, PATIENCE);
    try {
      return await waiting.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** `1002-text` goes on, `0000 text` ends an answer, ` text` has the code of the line before, `+text` is about something else. */
  #take(line: string): void {
    const [, code, mark, text = ''] = /^(\d{4})([- ])(.*)$/.exec(line) ?? [];
    if (code === undefined) {
      if (line.startsWith(' ')) this.#lines.push(line.slice(1));
      return;
    }
    this.#lines.push(text);
    if (mark === ' ') this.#waiting?.resolve({ lines: this.#lines, code: Number(code) });
  }
}
