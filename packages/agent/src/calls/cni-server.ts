/** Serves the launcher's requests on a unix socket that only root can use. */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import {
  CNI_CODE,
  CniError,
  decodeRequest,
  encodeResponse,
  type LauncherRequest,
  type LauncherResponse,
  MAX_REQUEST_BYTES,
} from '@weir/cni';
import { peerCredentials, receivedByNow } from '@weir/kernel';
import type { Logger } from '../log.ts';

/** A launcher that sends half a request and then nothing is dropped after this time, in milliseconds. */
const REQUEST_TIMEOUT = 10_000;

export async function serveCni(options: {
  socketPath: string;
  handle: (request: LauncherRequest) => Promise<LauncherResponse>;
  log: Logger;
}): Promise<Server> {
  // Half open: the launcher ends its side to mark the end of stdin, and still reads the answer.
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => serve(socket, options.handle, options.log));
  rmSync(options.socketPath, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    // The folder is root's alone already; the mode of the socket is the second lock.
    server.listen(options.socketPath, () => {
      chmodSync(options.socketPath, 0o600);
      resolve();
    });
  });
  return server;
}

function serve(socket: Socket, handle: (request: LauncherRequest) => Promise<LauncherResponse>, log: Logger): void {
  const descriptor = descriptorOf(socket);
  const { uid, pid } = peerCredentials(descriptor);
  if (uid !== process.getuid!()) {
    log.warn({ uid, pid }, 'refused a process of another user on the CNI socket');
    socket.destroy();
    return;
  }
  // A launcher that went away: the call goes on, and the runtime's DEL will undo it.
  socket.on('error', (error) => log.debug({ error: error.message }, 'launcher went away'));
  const answer = async (frame: Buffer | undefined, length: number): Promise<void> => {
    try {
      const response = frame === undefined ? tooLarge(length) : await handle(decodeRequest(frame));
      socket.end(encodeResponse(response), () => socket.destroy());
    } catch (error) {
      // Not a launcher's request at all: nobody to answer to in CNI's terms.
      log.warn({ error: (error as Error).message }, 'bad request on the CNI socket');
      socket.destroy();
    }
  };
  try {
    // A launcher sends all at once, most often before this end is woken. To wait for a stream to tell of it would take turns of the event loop.
    const { bytes, ended } = receivedByNow(descriptor);
    if (ended) void answer(bytes, bytes.length);
    else receiveRest(socket, bytes, answer);
  } catch (error) {
    log.debug({ error: (error as Error).message }, 'launcher went away');
    socket.destroy();
  }
}

function receiveRest(socket: Socket, begin: Buffer, answer: (frame: Buffer | undefined, length: number) => Promise<void>): void {
  const chunks = [begin];
  let length = begin.length;
  socket.setTimeout(REQUEST_TIMEOUT, () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    length += chunk.length;
    // The rest is read and dropped: a launcher reads its answer when it has sent everything.
    if (length <= MAX_REQUEST_BYTES) chunks.push(chunk);
    else chunks.length = 0;
  });
  socket.on('end', () => {
    socket.setTimeout(0);
    void answer(length > MAX_REQUEST_BYTES ? undefined : Buffer.concat(chunks), length);
  });
  socket.resume();
}

function tooLarge(length: number): LauncherResponse {
  const message = `a call of ${length} bytes: at most ${MAX_REQUEST_BYTES} are taken`;
  const error = new CniError(CNI_CODE.decoding, message, { details: "look for what fills the network's configuration" });
  return { exitCode: 1, stdout: `${error.encode('0.1.0')}\n`, stderr: '' };
}

/** Node keeps it to itself, and has no other way to SO_PEERCRED. */
function descriptorOf(socket: Socket): number {
  return (socket as unknown as { _handle: { fd: number } })._handle.fd;
}
