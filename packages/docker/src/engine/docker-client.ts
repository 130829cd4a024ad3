import { createRequire } from 'node:module';
import type { AxiosInstance } from 'axios';
import { z } from 'zod';
import { DockerError } from '../docker-error.ts';
import type { DockerContainer } from './container.ts';

/** Longest that one question may take, in milliseconds. */
const TIMEOUT = 2_000;

const map = z
  .record(z.string(), z.string())
  .nullish()
  .transform((value) => value ?? {});

const networkSchema = z.looseObject({
  Name: z.string().min(1),
  Options: map,
  Containers: z
    .record(z.string(), z.looseObject({ EndpointID: z.string() }))
    .nullish()
    .transform((value) => value ?? {}),
});
const namesSchema = z.array(z.looseObject({ Name: z.string() }));
const listSchema = z.array(z.looseObject({ Id: z.string(), Names: z.array(z.string()).nullish(), ImageID: z.string(), Labels: map }));
const imageSchema = z.looseObject({ Config: z.looseObject({ Labels: map }).nullish() });

/** A Docker network. */
export interface DockerNetwork {
  name: string;
  /** As given with `-o`. */
  options: Record<string, string>;
  /** Its endpoints by id, with the id of the container that each is of; undefined while it is of none. */
  endpoints: Map<string, string | undefined>;
}

/**
 * Client of a Docker engine, over its socket. It asks only what the engine answers without the lock of a container: one that starts is
 * locked until its process runs, and its labels are wanted before that. (`GET /containers/<id>/json` waits.)
 */
export class DockerClient {
  readonly #socketPath: string;
  readonly #http: AxiosInstance;

  constructor({ socketPath }: { socketPath: string }) {
    this.#socketPath = socketPath;
    // Only an agent that has to do with Docker loads the library.
    const { default: axios } = createRequire(import.meta.url)('axios') as typeof import('axios');
    this.#http = axios.create({ socketPath, baseURL: 'http://docker', timeout: TIMEOUT, proxy: false, maxRedirects: 0 });
  }

  /** Undefined: there is none of that id. Throws DockerError. */
  async network(id: string): Promise<DockerNetwork | undefined> {
    const found = await this.#ask(`/networks/${encodeURIComponent(id)}`, networkSchema);
    if (found === undefined) return undefined;
    // An endpoint of no container stands under a key of its own.
    const endpoints = Object.entries(found.Containers).map(
      ([key, { EndpointID }]) => [EndpointID, key.startsWith('ep-') ? undefined : key] as const,
    );
    return { name: found.Name, options: found.Options, endpoints: new Map(endpoints) };
  }

  /** Names of the networks of that driver. Throws DockerError. */
  async networksOf(driver: string): Promise<string[]> {
    const filters = encodeURIComponent(JSON.stringify({ driver: [driver] }));
    return ((await this.#ask(`/networks?filters=${filters}`, namesSchema)) ?? []).map(({ Name }) => Name);
  }

  /** Undefined: there is none of that id. Throws DockerError. */
  async container(id: string): Promise<DockerContainer | undefined> {
    const filters = encodeURIComponent(JSON.stringify({ id: [id] }));
    const [found] = (await this.#ask(`/containers/json?all=1&filters=${filters}`, listSchema)) ?? [];
    if (found === undefined) return undefined;
    const image = await this.#ask(`/images/${encodeURIComponent(found.ImageID)}/json`, imageSchema);
    if (image === undefined) throw new DockerError('EANSWER', `Docker knows no image ${found.ImageID}, which container ${id} is of`);
    return {
      id: found.Id,
      name: found.Names?.find((name) => name.lastIndexOf('/') === 0)?.slice(1) ?? found.Id,
      labels: found.Labels,
      imageLabels: image.Config?.Labels ?? {},
    };
  }

  async #ask<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
    let status: number;
    let data: unknown;
    try {
      ({ status, data } = await this.#http.get(path, { validateStatus: () => true }));
    } catch (error) {
      throw new DockerError('EUNAVAILABLE', `Docker does not answer at ${this.#socketPath}: ${(error as Error).message}`, { cause: error });
    }
    if (status === 404) return undefined;
    const parsed = schema.safeParse(data);
    if (status === 200 && parsed.success) return parsed.data;
    const said = status === 200 ? z.prettifyError(parsed.error!) : `status ${status}: ${JSON.stringify(data)}`;
    throw new DockerError('EANSWER', `the answer of Docker (${this.#socketPath}) to GET ${path}: ${said.slice(0, 500)}`);
  }
}
