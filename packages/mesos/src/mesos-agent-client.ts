import type { AxiosInstance } from 'axios';
import { z } from 'zod';
import { type Connection, isHttpError, openHttp } from './connection.ts';
import { MesosError } from './mesos-error.ts';
import { containersOf, getTasksSchema, type MesosContainer, stateSchema } from './mesos-state.ts';

/**
 * Client of a Mesos agent. The agent has no stream of events (SUBSCRIBE is the master's), so it has to be asked; it answers while a
 * container is on its way, also from within that container's ADD. Its API v1 answers 503 until it has recovered its containers.
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
    // In this order: a task that is launched between the two is missing from the first, and found the next time.
    const state = await this.#request('GET', '/state', stateSchema);
    const { get_tasks } = await this.#request('POST', '/api/v1', getTasksSchema, { type: 'GET_TASKS' });
    return containersOf(state, [...get_tasks.queued_tasks, ...get_tasks.launched_tasks]);
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
    const text = typeof response.data === 'string' && response.data !== '' ? `: ${response.data.slice(0, 200)}` : '';
    return new MesosError('EHTTP', `the Mesos agent ${this.#url} refused ${what} with status ${response.status}${text}`, { cause: error });
  }
}
