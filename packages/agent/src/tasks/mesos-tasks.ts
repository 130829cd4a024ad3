/** What the Mesos agent of this host says of its containers: asked when a container comes, and from time to time. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Task } from '@weir/cni';
import { type MesosContainer, MesosError, taskOf } from '@weir/mesos';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';

export type Containers = ReadonlyMap<string, MesosContainer>;

export interface MesosTasksOptions {
  client: { containers(): Promise<Containers> };
  log: Logger;
  metrics: Pick<Metrics, 'mesosConnected'>;
  /** Longest that an ADD waits for the answer, in milliseconds. */
  patience?: number;
}

const PATIENCE = 2_000;

export class MesosTasks {
  readonly #options: MesosTasksOptions;
  #running: Promise<Containers> | undefined;
  #next: Promise<Containers> | undefined;
  #failure: string | undefined;
  #awaited = Promise.withResolvers<void>();

  constructor(options: MesosTasksOptions) {
    this.#options = options;
  }

  /** Why it cannot be asked; undefined while it can. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Resolves when a container came whose task was not known. */
  get awaited(): Promise<void> {
    return this.#awaited.promise;
  }

  /**
   * The task of a container that Mesos is launching. Undefined when the Mesos agent does not know it, or does not answer: a launch
   * is not to fail for that.
   */
  async find(containerId: string): Promise<Task | undefined> {
    const patience = new AbortController();
    const tooLate = delay(this.#options.patience ?? PATIENCE, undefined, { signal: patience.signal });
    const answer = this.containers().catch((error: unknown) => {
      if (!(error instanceof MesosError)) throw error;
      return undefined; // told by #note
    });
    const containers = await Promise.race([answer, tooLate]);
    patience.abort();
    tooLate.catch(() => {});
    const container = containers?.get(containerId);
    const task = container && taskOf(container);
    if (task === undefined) this.expect();
    return task;
  }

  /** A container came whose task is not known. */
  expect(): void {
    this.#awaited.resolve();
    this.#awaited = Promise.withResolvers();
  }

  /** An answer to a question that was asked after this call. Calls that come together share one. Throws MesosError. */
  async containers(): Promise<Containers> {
    if (this.#running === undefined) return this.#start();
    this.#next ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        return this.#start();
      });
    return this.#next;
  }

  #start(): Promise<Containers> {
    const running = this.#options.client.containers().then(
      (containers) => {
        this.#note(undefined);
        return containers;
      },
      (error: Error) => {
        this.#note(error.message);
        throw error;
      },
    );
    this.#running = running;
    const done = () => {
      if (this.#running === running) this.#running = undefined;
    };
    running.then(done, done);
    return running;
  }

  /** Once an outage, and once its end. */
  #note(failure: string | undefined): void {
    const { log, metrics } = this.#options;
    if (failure !== undefined && this.#failure === undefined)
      log.warn({ error: failure }, 'the Mesos agent cannot be asked; what it said last holds');
    if (failure === undefined && this.#failure !== undefined) log.info('the Mesos agent answers again');
    this.#failure = failure;
    metrics.mesosConnected.set(failure === undefined ? 1 : 0);
  }
}
