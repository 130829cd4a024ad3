/** Serves the launcher's requests on a unix socket that only root can use. */
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import {
  CNI_CODE,
  CniError,
  decodeRequest,
  encodeResponse,
  type LauncherRequest,
  type LauncherResponse,
  MAX_REQUEST_BYTES,
} from '@weir/cni';
import { peerCredentials, receivedByNow, sentByNow, UnixListener } from '@weir/kernel';
import type { Logger } from '../log.ts';

/** A launcher that sends half a request and then nothing is dropped after this time, in milliseconds. */
const REQUEST_TIMEOUT = 10_000;
/** A launcher sends all at once, right after it has connected: so long it is waited for, ms, since to make a stream for it takes longer. */
const PATIENCE = 1;

export interface CniServerOptions {
  socketPath: string;
  handle: (request: LauncherRequest) => Promise<LauncherResponse>;
  log: Logger;
}

/** Throws KernelError. */
export function serveCni({ socketPath, handle, log }: CniServerOptions): UnixListener {
  // The folder is root's alone already; the mode of the socket is the second lock.
  return new UnixListener(socketPath, {
    mode: 0o600,
    connected: (fd) => new Connection(fd, log).serve(handle),
    failed: (error) => log.error({ error: error.message }, 'a launcher waits'),
  });
}

class Connection {
  readonly #fd: number;
  readonly #log: Logger;
  /** Owns the descriptor, for a launcher that is slower than the agent. */
  #stream: Socket | undefined;

  constructor(fd: number, log: Logger) {
    this.#fd = fd;
    this.#log = log;
  }

  serve(handle: CniServerOptions['handle']): void {
    const answer = async (frame: Buffer | undefined, length: number): Promise<void> => {
      try {
        this.#send(encodeResponse(frame === undefined ? tooLarge(length) : await handle(decodeRequest(frame))));
      } catch (error) {
        // Not a launcher's request at all: nobody to answer to in CNI's terms.
        this.#log.warn({ error: (error as Error).message }, 'bad request on the CNI socket');
        this.#close();
      }
    };
    try {
      const { uid, pid } = peerCredentials(this.#fd);
      if (uid !== process.getuid!()) {
        this.#log.warn({ uid, pid }, 'refused a process of another user on the CNI socket');
        this.#close();
        return;
      }
      const { bytes, ended } = receivedByNow(this.#fd, { patience: PATIENCE });
      if (ended) void answer(bytes, bytes.length);
      else this.#receiveRest(bytes, answer);
    } catch (error) {
      this.#wentAway(error as Error);
    }
  }

  #receiveRest(begin: Buffer, answer: (frame: Buffer | undefined, length: number) => Promise<void>): void {
    const stream = this.#asStream();
    const chunks = [begin];
    let length = begin.length;
    stream.setTimeout(REQUEST_TIMEOUT, () => stream.destroy());
    stream.on('data', (chunk: Buffer) => {
      length += chunk.length;
      // The rest is read and dropped: a launcher reads its answer when it has sent everything.
      if (length <= MAX_REQUEST_BYTES) chunks.push(chunk);
      else chunks.length = 0;
    });
    stream.on('end', () => {
      stream.setTimeout(0);
      void answer(length > MAX_REQUEST_BYTES ? undefined : Buffer.concat(chunks), length);
    });
  }

  /** A launcher that went away: what was done stays, and the runtime's DEL will undo it. */
  #send(response: Buffer): void {
    try {
      const sent = this.#stream === undefined ? sentByNow(this.#fd, response) : 0;
      if (sent === response.length) this.#close();
      else this.#asStream().end(response.subarray(sent), () => this.#close());
    } catch (error) {
      this.#wentAway(error as Error);
    }
  }

  /** Half open: the launcher ends its side to mark the end of stdin, and still reads the answer. */
  #asStream(): Socket {
    this.#stream ??= new Socket({ fd: this.#fd, allowHalfOpen: true, readable: true, writable: true }).on('error', (error) =>
      this.#log.debug({ error: error.message }, 'launcher went away'),
    );
    return this.#stream;
  }

  #wentAway(error: Error): void {
    this.#log.debug({ error: error.message }, 'launcher went away');
    this.#close();
  }

  #close(): void {
    if (this.#stream === undefined) closeSync(this.#fd);
    else this.#stream.destroy();
  }
}

function tooLarge(length: number): LauncherResponse {
  const message = `a call of ${length} bytes: at most ${MAX_REQUEST_BYTES} are taken`;
  const error = new CniError(CNI_CODE.decoding, message, { details: "look for what fills the network's configuration" });
  return { exitCode: 1, stdout: `${error.encode('0.1.0')}\n`, stderr: '' };
}
