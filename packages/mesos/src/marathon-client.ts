import axios, { type AxiosInstance, isAxiosError } from 'axios';
import { z } from 'zod';
import { appStatusSchema, type MarathonAppDefinition, type MarathonAppStatus, type MarathonTask, taskSchema } from './marathon-app.ts';
import { MarathonError } from './marathon-error.ts';

export interface MarathonClientOptions {
  /** Marathon's address, e.g. `http://127.0.0.1:8080`. */
  url: string;
  /** Limit of one request in milliseconds, 10,000 by default. */
  timeout?: number;
}

/** Marathon's error body: `details` lists the fields of an invalid app. */
const errorSchema = z.object({
  message: z.string(),
  details: z.array(z.object({ path: z.string().optional(), errors: z.array(z.string()) })).optional(),
});

/** Client of Marathon's /v2 API. Every method throws MarathonError. */
export class MarathonClient {
  readonly #http: AxiosInstance;

  constructor({ url, timeout = 10_000 }: MarathonClientOptions) {
    this.#http = axios.create({ baseURL: url, timeout, proxy: false });
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
      body = (await this.#http.request({ method, url: path, data })).data;
    } catch (error) {
      throw toMarathonError(`${method} ${path}`, error);
    }
    const parsed = schema.safeParse(body);
    if (!parsed.success) throw new MarathonError('EANSWER', `Marathon's answer to ${method} ${path}: ${z.prettifyError(parsed.error)}`);
    return parsed.data;
  }
}

function appPath(id: string): string {
  return `/v2/apps/${id.split('/').filter(Boolean).map(encodeURIComponent).join('/')}`;
}

function toMarathonError(request: string, error: unknown): MarathonError {
  if (!isAxiosError(error) || !error.response) {
    const { message } = error as Error;
    return new MarathonError('EUNAVAILABLE', `No answer from Marathon to ${request}: ${message}. Is its address right?`, { cause: error });
  }
  const { status, data } = error.response;
  const parsed = errorSchema.safeParse(data);
  const details = parsed.data?.details?.map(({ path, errors }) => `${path ?? ''}: ${errors.join(', ')}`) ?? [];
  const reason = [parsed.data?.message ?? `HTTP status ${status}`, ...details].join('; ');
  return new MarathonError('EHTTP', `Marathon refused ${request}: ${reason}`, { cause: error, status });
}
