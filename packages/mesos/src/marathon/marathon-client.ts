import { Readable } from 'node:stream';
import type { AxiosInstance, AxiosRequestConfig, AxiosResponse } from 'axios';
import { z } from 'zod';
import { type Connection, isHttpError, openHttp } from '../connection.ts';
import { appStatusSchema, type MarathonAppDefinition, type MarathonAppStatus, type MarathonTask, taskSchema } from './marathon-app.ts';
import { MarathonError } from './marathon-error.ts';
import { readEvents } from './marathon-events.ts';
import { type MarathonPod, type MarathonPodDefinition, type MarathonPodStatus, podSchema, podStatusSchema } from './marathon-pod.ts';

export interface MarathonClientOptions extends Partial<Connection> {
  /** Marathon's address, e.g. `http://127.0.0.1:8080`. */
  url?: string;
  /** Those of several masters. The one that answered last is asked first; the leader, where one of them says who leads and it is among them. */
  urls?: readonly string[];
}

/** Redirects of one request. A leader that changes again and again is waited for by the next request. */
const MAX_REDIRECTS = 5;

/** What the answer to /v2/apps has of each app, beside its definition. */
const EMBEDDED = ['apps.tasks', 'apps.deployments', 'apps.readiness'].map((what) => `embed=${what}`).join('&');

/** By which one that does not lead says who does (LeaderProxyFilter.scala). */
const LEADER_HEADER = 'x-marathon-leader';

/** Marathon's error body: `details` lists the fields of an invalid app. */
const errorSchema = z.object({
  message: z.string(),
  details: z.array(z.object({ path: z.string().optional(), errors: z.array(z.string()) })).optional(),
});

const infoSchema = z.looseObject({ name: z.string(), version: z.string(), leader: z.string().optional() });

/** Client of Marathon's /v2 API. Every method throws MarathonError. */
export class MarathonClient {
  readonly #http: AxiosInstance;
  /** Without password, token and certificate: for a leader that the configuration does not name. */
  readonly #anonymous: AxiosInstance;
  readonly #urls: readonly string[];
  #current = 0;

  constructor({ url, urls, timeout = 10_000, ...connection }: MarathonClientOptions) {
    this.#http = openHttp({ timeout, ...connection });
    this.#anonymous = openHttp({ timeout, caFile: connection.caFile });
    this.#urls = [...(url === undefined ? [] : [url]), ...(urls ?? [])].map((one) => one.replace(/\/+$/, ''));
  }

  /**
   * Apps, with their tasks and what checks of them found, pods and their status, as they were told, unread: one that cannot be read is not to
   * hide the others. A Marathon before 1.4 has no pods.
   */
  async listDefinitions(): Promise<{ apps: unknown[]; pods: unknown[]; podStatuses: unknown[] }> {
    const { apps } = await this.#request('GET', `/v2/apps?${EMBEDDED}`, z.object({ apps: z.array(z.unknown()) }));
    try {
      const pods = await this.#request('GET', '/v2/pods', z.array(z.unknown()));
      return { apps, pods, podStatuses: pods.length === 0 ? [] : await this.#request('GET', '/v2/pods/::status', z.array(z.unknown())) };
    } catch (error) {
      if (error instanceof MarathonError && error.status === 404) return { apps, pods: [], podStatuses: [] };
      throw error;
    }
  }

  /**
   * Calls back with the type of each event until Marathon ends the stream, or the signal does. `event_stream_attached` comes first.
   *
   * @param options.silence milliseconds without a byte, the first one included, after which the stream counts as dead
   */
  async followEvents(onEvent: (type: string) => void, options: { silence: number; signal: AbortSignal }): Promise<void> {
    const { silence, signal } = options;
    let stop = () => {};
    try {
      const headers = { accept: 'text/event-stream' };
      // The answer goes on for months: once it has begun, neither its time nor its length has a limit.
      const endless = { timeout: silence, maxContentLength: -1 };
      const { data } = await this.#anyMaster({ url: '/v2/events', responseType: 'stream', headers, signal, ...endless });
      const stream = data as Readable;
      stop = () => stream.destroy();
      signal.addEventListener('abort', stop, { once: true });
      onEvent('event_stream_attached');
      if (signal.aborted) return;
      await readEvents(stream, onEvent, silence);
    } catch (error) {
      if (!signal.aborted) throw toMarathonError('GET /v2/events', error);
    } finally {
      // The signal outlives many streams.
      signal.removeEventListener('abort', stop);
    }
  }

  /** Which Marathon this is, and who leads; absent while nobody does. */
  getInfo(): Promise<{ name: string; version: string; leader?: string | undefined }> {
    return this.#request('GET', '/v2/info', infoSchema);
  }

  async listApps(): Promise<MarathonAppStatus[]> {
    return (await this.#request('GET', '/v2/apps', z.object({ apps: z.array(appStatusSchema) }))).apps;
  }

  async getApp(id: string): Promise<MarathonAppStatus> {
    return (await this.#request('GET', pathOf('apps', id), z.object({ app: appStatusSchema }))).app;
  }

  async listTasks(id: string): Promise<MarathonTask[]> {
    return (await this.#request('GET', `${pathOf('apps', id)}/tasks`, z.object({ tasks: z.array(taskSchema) }))).tasks;
  }

  createApp(app: MarathonAppDefinition): Promise<MarathonAppStatus> {
    return this.#request('POST', '/v2/apps', appStatusSchema, app);
  }

  async updateApp(id: string, change: Partial<MarathonAppDefinition>): Promise<void> {
    await this.#request('PUT', pathOf('apps', id), z.object({ deploymentId: z.string() }), change);
  }

  async deleteApp(id: string): Promise<void> {
    await this.#request('DELETE', pathOf('apps', id), z.object({ deploymentId: z.string() }));
  }

  /** @param instances how many there shall be */
  scaleApp(id: string, instances: number): Promise<void> {
    return this.updateApp(id, { instances });
  }

  createPod(pod: MarathonPodDefinition): Promise<MarathonPod> {
    return this.#request('POST', '/v2/pods', podSchema, pod);
  }

  getPodStatus(id: string): Promise<MarathonPodStatus> {
    return this.#request('GET', `${pathOf('pods', id)}::status`, podStatusSchema);
  }

  async deletePod(id: string): Promise<void> {
    await this.#request('DELETE', pathOf('pods', id), z.unknown());
  }

  /** A group with the apps and groups in it, whose ids may be relative to it. It has no pods (group.raml). */
  async createGroup(group: { id: string; apps?: unknown[]; groups?: unknown[] }): Promise<void> {
    await this.#request('POST', '/v2/groups', z.object({ deploymentId: z.string() }), group);
  }

  /** With all apps and groups in it. */
  async deleteGroup(id: string): Promise<void> {
    await this.#request('DELETE', `${pathOf('groups', id)}?force=true`, z.object({ deploymentId: z.string() }));
  }

  async #request<T>(method: string, url: string, schema: z.ZodType<T>, data?: unknown): Promise<T> {
    const what = `${method} ${url}`;
    let body: unknown;
    try {
      body = (await this.#anyMaster({ method, url, data })).data;
    } catch (error) {
      throw toMarathonError(what, error);
    }
    const parsed = schema.safeParse(body);
    if (!parsed.success) throw new MarathonError('EANSWER', `Marathon's answer to ${what}: ${z.prettifyError(parsed.error)}`);
    return parsed.data;
  }

  /** A master that is away, or knows no leader (502 to 504), is no answer as long as there is another one. */
  async #anyMaster(request: Request): Promise<AxiosResponse> {
    for (let tried = 1; ; tried++) {
      try {
        const answer = await this.#followRedirects(request);
        this.#currentIs(answer.headers[LEADER_HEADER]);
        return answer;
      } catch (error) {
        discardBody(error);
        if (tried >= this.#urls.length || !isUnavailable(error)) throw error;
        this.#current = (this.#current + 1) % this.#urls.length;
      }
    }
  }

  /** A master that does not lead passes requests on, but the event stream it sends to the leader (LeaderProxyFilter.scala). */
  async #followRedirects(request: Request): Promise<AxiosResponse> {
    let url = this.#urls[this.#current]! + request.url;
    for (let redirects = 0; ; redirects++) {
      const http = this.#urls.some((known) => isBelow(url, known)) ? this.#http : this.#anonymous;
      try {
        return await http.request({ ...request, url });
      } catch (error) {
        const to = redirects < MAX_REDIRECTS ? redirectOf(error, url) : undefined;
        if (to === undefined) throw error;
        discardBody(error);
        this.#currentIs(to);
        url = to;
      }
    }
  }

  /** Only one that the configuration names: it gets our password. */
  #currentIs(leader: unknown): void {
    const index = typeof leader === 'string' ? this.#urls.findIndex((known) => isBelow(leader, known)) : -1;
    if (index >= 0) this.#current = index;
  }
}

type Request = { url: string } & AxiosRequestConfig;

/** By scheme, host and port: `http://a:8080/v2/events` and `http://a:8080`. */
function isBelow(url: string, known: string): boolean {
  return URL.canParse(url) && URL.canParse(known) && new URL(url).origin === new URL(known).origin;
}

/** Of an answer that is a stream, which nobody reads: else its connection stays open. */
function discardBody(error: unknown): void {
  const body: unknown = isHttpError(error) ? error.response?.data : undefined;
  if (body instanceof Readable) body.destroy();
}

/** Where the answer sends to, as a whole address. */
function redirectOf(error: unknown, from: string): string | undefined {
  const { status = 0, headers } = (isHttpError(error) && error.response) || {};
  const location: unknown = headers?.location;
  if (![301, 302, 303, 307, 308].includes(status) || typeof location !== 'string' || !URL.canParse(location, from)) return undefined;
  const to = new URL(location, from);
  return to.protocol === 'http:' || to.protocol === 'https:' ? to.href : undefined;
}

function pathOf(resource: 'apps' | 'pods' | 'groups', id: string): string {
  return `/v2/${resource}/${id.split('/').filter(Boolean).map(encodeURIComponent).join('/')}`;
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
  const { status, data, headers } = error.response;
  const location: unknown = headers.location;
  if (status >= 300 && status < 400) {
    const reason = `it sends to ${String(location ?? 'nowhere')} again and again. Do its masters agree on who leads?`;
    return new MarathonError('EUNAVAILABLE', `No answer from Marathon to ${request}: ${reason}`, { cause: error, status });
  }
  const parsed = errorSchema.safeParse(data);
  const details = parsed.data?.details?.map(({ path, errors }) => `${path ?? ''}: ${errors.join(', ')}`) ?? [];
  const reason = [parsed.data?.message ?? `HTTP status ${status}`, ...details].join('; ');
  return new MarathonError('EHTTP', `Marathon refused ${request}: ${reason}`, { cause: error, status });
}
