import type { Readable } from 'node:stream';
import type { AxiosInstance } from 'axios';
import { z } from 'zod';
import { type Connection, isHttpError, openHttp } from './connection.ts';
import { appStatusSchema, type MarathonAppDefinition, type MarathonAppStatus, type MarathonTask, taskSchema } from './marathon-app.ts';
import { MarathonError } from './marathon-error.ts';
import { readEvents } from './marathon-events.ts';

export interface MarathonClientOptions extends Partial<Connection> {
  /** Marathon's address, e.g. `http://127.0.0.1:8080`. */
  url?: string;
  /** Those of several masters. The one that answered last is asked first; the leader, where one of them says who leads and it is among them. */
  urls?: readonly string[];
}

/** The answer goes on for months: neither its time nor its length has a limit. */
const ENDLESS = { timeout: 0, maxContentLength: -1 };

/** By which one that does not lead says who does (LeaderProxyFilter.scala). */
const LEADER_HEADER = 'x-marathon-leader';

/** Marathon's error body: `details` lists the fields of an invalid app. */
const errorSchema = z.object({
  message: z.string(),
  details: z.array(z.object({ path: z.string().optional(), errors: z.array(z.string()) })).optional(),
});

/** Client of Marathon's /v2 API. Every method throws MarathonError. */
export class MarathonClient {
  readonly #http: AxiosInstance;
  readonly #urls: readonly string[];
  #current = 0;

  constructor({ url, urls, ...connection }: MarathonClientOptions) {
    this.#http = openHttp({ timeout: 10_000, ...connection });
    this.#urls = [...(url === undefined ? [] : [url]), ...(urls ?? [])].map((one) => one.replace(/\/+$/, ''));
  }

  /** Apps and pods as they were told, unread: one that cannot be read is not to hide the others. A Marathon before 1.4 has no pods. */
  async listDefinitions(): Promise<{ apps: unknown[]; pods: unknown[] }> {
    const { apps } = await this.#request('GET', '/v2/apps', z.object({ apps: z.array(z.unknown()) }));
    try {
      return { apps, pods: await this.#request('GET', '/v2/pods', z.array(z.unknown())) };
    } catch (error) {
      if (error instanceof MarathonError && error.status === 404) return { apps, pods: [] };
      throw error;
    }
  }

  /**
   * Calls back with the type of each event until Marathon ends the stream, or the signal does. `event_stream_attached` comes first.
   *
   * @param options.silence milliseconds without a byte after which the stream counts as dead
   */
  async followEvents(onEvent: (type: string) => void, options: { silence: number; signal: AbortSignal }): Promise<void> {
    const { silence, signal } = options;
    const what = 'GET /v2/events';
    try {
      const headers = { accept: 'text/event-stream' };
      const { data } = await this.#anyMaster((url) =>
        this.#http.get<Readable>(`${url}/v2/events`, { responseType: 'stream', headers, signal, ...ENDLESS }),
      );
      signal.addEventListener('abort', () => data.destroy(), { once: true });
      onEvent('event_stream_attached');
      if (signal.aborted) return;
      await readEvents(data, onEvent, silence);
    } catch (error) {
      if (!signal.aborted) throw toMarathonError(what, error);
    }
  }

  async listApps(): Promise<MarathonAppStatus[]> {
    return (await this.#request('GET', '/v2/apps', z.object({ apps: z.array(appStatusSchema) }))).apps;
  }

  async getApp(id: string): Promise<MarathonAppStatus> {
    return (await this.#request('GET', appPath(id), z.object({ app: appStatusSchema }))).app;
  }

  async listTasks(id: string): Promise<MarathonTask[]> {
    return (await this.#request('GET', `${appPath(id)}/tasks`, z.object({ tasks: z.array(taskSchema) }))).tasks;
  }

  createApp(app: MarathonAppDefinition): Promise<MarathonAppStatus> {
    return this.#request('POST', '/v2/apps', appStatusSchema, app);
  }

  async updateApp(id: string, change: Partial<MarathonAppDefinition>): Promise<void> {
    await this.#request('PUT', appPath(id), z.object({ deploymentId: z.string() }), change);
  }

  async deleteApp(id: string): Promise<void> {
    await this.#request('DELETE', appPath(id), z.object({ deploymentId: z.string() }));
  }

  /** @param instances how many there shall be */
  scaleApp(id: string, instances: number): Promise<void> {
    return this.updateApp(id, { instances });
  }

  async #request<T>(method: string, path: string, schema: z.ZodType<T>, data?: unknown): Promise<T> {
    let body: unknown;
    try {
      body = (await this.#anyMaster((url) => this.#http.request({ method, url: url + path, data }))).data;
    } catch (error) {
      throw toMarathonError(`${method} ${path}`, error);
    }
    const parsed = schema.safeParse(body);
    if (!parsed.success) throw new MarathonError('EANSWER', `Marathon's answer to ${method} ${path}: ${z.prettifyError(parsed.error)}`);
    return parsed.data;
  }

  /** A master that is away, or knows no leader (502 to 504), is no answer as long as there is another one. */
  async #anyMaster<T extends { headers: object }>(ask: (url: string) => Promise<T>): Promise<T> {
    for (let tried = 1; ; tried++) {
      try {
        const answer = await ask(this.#urls[this.#current]!);
        this.#followLeader((answer.headers as Record<string, unknown>)[LEADER_HEADER]);
        return answer;
      } catch (error) {
        if (tried >= this.#urls.length || !isUnavailable(error)) throw error;
        this.#current = (this.#current + 1) % this.#urls.length;
      }
    }
  }

  /** Only to one that the configuration names: it gets our password. */
  #followLeader(leader: unknown): void {
    const index = typeof leader === 'string' ? this.#urls.indexOf(leader.replace(/\/+$/, '')) : -1;
    if (index >= 0) this.#current = index;
  }
}

function appPath(id: string): string {
  return `/v2/apps/${id.split('/').filter(Boolean).map(encodeURIComponent).join('/')}`;
}

function isUnavailable(error: unknown): boolean {
  const status = isHttpError(error) ? error.response?.status : undefined;
  return isHttpError(error) && (status === undefined || (status >= 502 && status <= 504));
}

function toMarathonError(request: string, error: unknown): MarathonError {
  if (!isHttpError(error) || !error.response) {
    const { message } = error as Error;
    return new MarathonError('EUNAVAILABLE', `No answer from Marathon to ${request}: ${message}. Is its address right?`, { cause: error });
  }
  const { status, data } = error.response;
  const parsed = errorSchema.safeParse(data);
  const details = parsed.data?.details?.map(({ path, errors }) => `${path ?? ''}: ${errors.join(', ')}`) ?? [];
  const reason = [parsed.data?.message ?? `HTTP status ${status}`, ...details].join('; ');
  return new MarathonError('EHTTP', `Marathon refused ${request}: ${reason}`, { cause: error, status });
}
