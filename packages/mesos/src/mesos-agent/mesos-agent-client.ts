import type { AxiosInstance } from 'axios';
import { z } from 'zod';
import { type Connection, isHttpError, isTimeout, openHttp } from '../connection.ts';
import { MesosError } from './mesos-error.ts';
import { containersOf, type MesosContainer } from './mesos-state.ts';
import { getContainersSchema, getStateSchema, readOperatorApi } from './operator-api.ts';
import { readState, stateSchema } from './state-endpoint.ts';

/** By which a Mesos agent says that it has no such call: it is older than the operator API, or something before it lets none through. */
const NO_SUCH_CALL = new Set([400, 404, 405, 406, 415, 501]);

/**
 * Client of a Mesos agent. The agent has no stream of events (SUBSCRIBE is the master's), so it has to be asked; it answers while a
 * container is on its way, also from within that container's ADD. Its operator API answers 503 until it has recovered its containers.
 */
export class MesosAgentClient {
  readonly #http: AxiosInstance;
  readonly #url: string;

  constructor({ url, ...connection }: { url: string } & Partial<Connection>) {
    this.#url = url.replace(/\/+$/, '');
    this.#http = openHttp(connection);
  }

  /** All containers that run or are on their way, with their tasks. Throws MesosError. */
  async containers(): Promise<Map<string, MesosContainer>> {
    const { executors, tasks } = await this.#ask();
    return containersOf(executors, tasks);
  }

  async #ask(): Promise<ReturnType<typeof readState>> {
    try {
      const [containers, state] = await Promise.all([
        this.#request('POST', '/api/v1', getContainersSchema, { type: 'GET_CONTAINERS' }),
        this.#request('POST', '/api/v1', getStateSchema, { type: 'GET_STATE' }),
      ]);
      return readOperatorApi(containers, state);
    } catch (error) {
      if (!(error instanceof MesosError) || !(isTimeout(error.cause) || NO_SUCH_CALL.has(error.status ?? 0))) throw error;
      // GET_CONTAINERS gathers statistics of each container, and hangs when one does, as Docker's do at times; this does not.
      return readState(await this.#request('GET', '/state', stateSchema));
    }
  }

  async #request<T>(method: string, path: string, schema: z.ZodType<T>, data?: object): Promise<T> {
    const what = `${method} ${path}${data === undefined ? '' : ` ${JSON.stringify(data)}`}`;
    let body: unknown;
    try {
      body = (await this.#http.request({ method, url: this.#url + path, data, headers: { accept: 'application/json' } })).data;
    } catch (error) {
      throw this.#explain(what, error);
    }
    const parsed = schema.safeParse(body);
    if (parsed.success) return parsed.data;
    throw new MesosError(
      'EANSWER',
      `the answer of the Mesos agent ${this.#url} to ${what}: ${z.prettifyError(parsed.error).slice(0, 500)}`,
    );
  }

  #explain(what: string, error: unknown): MesosError {
    const response = isHttpError(error) ? error.response : undefined;
    if (response === undefined) {
      return new MesosError('EUNAVAILABLE', `no answer of the Mesos agent ${this.#url} to ${what}: ${(error as Error).message}`, {
        cause: error,
      });
    }
    const { status, data } = response;
    const text = typeof data === 'string' && data !== '' ? `: ${data.slice(0, 200)}` : '';
    return new MesosError('EHTTP', `the Mesos agent ${this.#url} refused ${what} with status ${status}${text}`, { cause: error, status });
  }
}
