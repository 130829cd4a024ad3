/**
 * What launcher and agent say to each other on the agent's unix socket. launcher/launcher.c has the other half.
 *
 * Request:  `WEIR1\0` tool `\0`, then `KEY=VALUE\0` for each variable, then `\0`, then standard input to the end of the stream.
 * Response: `<exit code> <stdout length> <stderr length>\n`, then both outputs; lengths in bytes.
 */
const MAGIC = 'WEIR1';

/** Environment and standard input together; far above what any runtime sends. */
export const MAX_REQUEST_BYTES = 4 * 1024 * 1024;

export interface LauncherRequest {
  tool: string;
  env: Record<string, string>;
  stdin: Buffer;
}

export interface LauncherResponse {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Something other than a launcher's or an agent's bytes on the socket. */
export class WireFormatError extends Error {
  override readonly name = 'WireFormatError';
  readonly code = 'EWIREFORMAT';
}

/** @throws WireFormatError when a name or value holds a NUL, which no process can be given */
export function encodeRequest({ tool, env, stdin }: LauncherRequest): Buffer {
  const fields = [MAGIC, tool, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)];
  const bad = fields.find((field) => field === '' || field.includes('\0'));
  if (bad !== undefined) throw new WireFormatError(`${JSON.stringify(bad)} cannot be sent: it is empty or holds a NUL`);
  return Buffer.concat([Buffer.from(`${fields.join('\0')}\0\0`), stdin]);
}

/**
 * @param frame all that came until the launcher shut its side down
 * @throws WireFormatError
 */
export function decodeRequest(frame: Buffer): LauncherRequest {
  if (frame.length > MAX_REQUEST_BYTES)
    throw new WireFormatError(`a request of ${frame.length} bytes: at most ${MAX_REQUEST_BYTES} are taken`);
  const end = frame.indexOf('\0\0');
  if (end === -1) throw new WireFormatError('a request that ends before its environment does');
  const [magic, tool, ...variables] = frame.toString('utf8', 0, end).split('\0');
  if (magic !== MAGIC) throw new WireFormatError(`a request that begins with ${JSON.stringify(magic?.slice(0, 20))}, not ${MAGIC}`);
  if (tool === undefined) throw new WireFormatError('a request that names no tool');
  return { tool, env: Object.fromEntries(variables.map(splitVariable)), stdin: frame.subarray(end + 2) };
}

function splitVariable(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new WireFormatError(`${JSON.stringify(text)} in a request is no KEY=VALUE`);
  return [text.slice(0, at), text.slice(at + 1)];
}

export function encodeResponse({ exitCode, stdout, stderr }: LauncherResponse): Buffer {
  const [out, err] = [Buffer.from(stdout), Buffer.from(stderr)];
  return Buffer.concat([Buffer.from(`${exitCode} ${out.length} ${err.length}\n`), out, err]);
}

/** @throws WireFormatError when it is no whole response */
export function decodeResponse(frame: Buffer): LauncherResponse {
  const headEnd = frame.indexOf('\n');
  const head = /^(\d{1,3}) (\d{1,8}) (\d{1,8})$/.exec(frame.toString('latin1', 0, Math.max(headEnd, 0)));
  if (head === null) throw new WireFormatError('a response without its first line');
  const [exitCode, outLength, errLength] = head.slice(1).map(Number) as [number, number, number];
  const body = frame.subarray(headEnd + 1);
  if (body.length !== outLength + errLength)
    throw new WireFormatError(`a response of ${body.length} bytes where ${outLength + errLength} were announced`);
  return { exitCode, stdout: body.toString('utf8', 0, outLength), stderr: body.toString('utf8', outLength) };
}
