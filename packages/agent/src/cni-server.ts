/** Serves the launcher's requests on a unix socket that only root can use. */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { decodeRequest, encodeResponse, type LauncherRequest, type LauncherResponse, MAX_REQUEST_BYTES } from '@weir/cni';
import type { Logger } from './log.ts';

/** A launcher that sends half a request and then nothing is dropped after this time, in milliseconds. */
const REQUEST_TIMEOUT = 10_000;

export async function serveCni(options: {
  socketPath: string;
  handle: (request: LauncherRequest) => Promise<LauncherResponse>;
  log: Logger;
}): Promise<Server> {
  // Half open: the launcher ends its side to mark the end of stdin, and still reads the answer.
  const server = createServer({ allowHalfOpen: true }, (socket) => serve(socket, options.handle, options.log));
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
  const chunks: Buffer[] = [];
  let length = 0;
  socket.setTimeout(REQUEST_TIMEOUT, () => socket.destroy());
  // A launcher that went away: the call goes on, and the runtime's DEL will undo it.
  socket.on('error', (error) => log.debug({ error: error.message }, 'launcher went away'));
  socket.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > MAX_REQUEST_BYTES) socket.destroy();
    else chunks.push(chunk);
  });
  socket.on('end', async () => {
    socket.setTimeout(0);
    try {
      socket.end(encodeResponse(await handle(decodeRequest(Buffer.concat(chunks)))));
    } catch (error) {
      // Not a launcher's request at all: nobody to answer to in CNI's terms.
      log.warn({ error: (error as Error).message }, 'bad request on the CNI socket');
      socket.destroy();
    }
  });
}
