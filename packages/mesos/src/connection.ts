/** How Mesos agents and Marathons are reached: addresses, password or token, TLS. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxiosError, AxiosInstance } from 'axios';
import { z } from 'zod';

const path = z.string().startsWith('/', 'an absolute path');

/** Keys of a section of the configuration file; secrets in files, so that the configuration can be read by all. */
export const connectionFields = {
  /** Name for basic authentication, with `passwordFile`. */
  user: z.string().min(1).optional(),
  passwordFile: path.optional(),
  /** File with a token; sent as `Authorization: <tokenScheme> <token>`, without the blank where the scheme ends with `=`. */
  tokenFile: path.optional(),
  /** `token=` for DC/OS. */
  tokenScheme: z.string().min(1).default('Bearer'),
  caFile: path.optional(),
  certFile: path.optional(),
  keyFile: path.optional(),
  /** Limit of one request in milliseconds. */
  timeout: z.int().min(100).max(60_000).default(5_000),
};

export type Connection = z.infer<z.ZodObject<typeof connectionFields>>;

/** A body larger than this is no answer but an accident; 10,000 apps have about 30 MB. */
const MAX_BODY_BYTES = 256 * 1024 * 1024;

/**
 * An HTTP client. Secrets are read anew for each request, since tokens are renewed in place.
 * @throws the file system's error for TLS files that cannot be read
 */
export function openHttp(connection: Partial<Connection> = {}): AxiosInstance {
  const { caFile, certFile, keyFile, timeout = 5_000 } = connection;
  const read = (file: string | undefined) => (file === undefined ? undefined : readFileSync(file));
  // Only a process that talks to Mesos or Marathon loads the libraries: a CNI call without an agent, which waits for each module, does not.
  const { Agent } = process.getBuiltinModule('node:https');
  const { default: axios } = createRequire(import.meta.url)('axios') as typeof import('axios');
  const http = axios.create({
    timeout,
    proxy: false,
    // Secrets are for the configured addresses. Who follows a redirect says so himself.
    maxRedirects: 0,
    maxContentLength: MAX_BODY_BYTES,
    httpsAgent: new Agent({ keepAlive: true, ca: read(caFile), cert: read(certFile), key: read(keyFile) }),
  });
  http.interceptors.request.use((request) => {
    const authorization = authorizationOf(connection);
    if (authorization !== undefined) request.headers.set('Authorization', authorization);
    return request;
  });
  return http;
}

function authorizationOf({ user, passwordFile, tokenFile, tokenScheme = 'Bearer' }: Partial<Connection>): string | undefined {
  const secret = (file: string) => readFileSync(file, 'utf8').trim();
  if (tokenFile !== undefined) return `${tokenScheme}${tokenScheme.endsWith('=') ? '' : ' '}${secret(tokenFile)}`;
  if (user === undefined) return undefined;
  const password = passwordFile === undefined ? '' : secret(passwordFile);
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** What a request of such a client fails with, as axios marks it. */
export function isHttpError(error: unknown): error is AxiosError {
  return (error as { isAxiosError?: unknown } | null)?.isAxiosError === true;
}

/** No answer within the connection's time. */
export function isTimeout(error: unknown): boolean {
  return isHttpError(error) && (error.code === 'ECONNABORTED' || error.code === 'ETIMEDOUT');
}
