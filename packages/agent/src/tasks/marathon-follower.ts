/**
 * What Marathon's apps ask for by their labels, in the store: one agent of the cluster keeps it in step. The events only say when to look; a look
 * at everything is what counts, so that one that was missed, repeated or not understood makes no difference.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { StoreError } from '@weir/datastore';
import { IpamError } from '@weir/ipam';
import { APP_ANNOTATION, AppPlanner, type MarathonClient, MarathonError, type Plan, readinessOf, Turn } from '@weir/mesos';
import { type Endpoint, keyOf } from '@weir/resources';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { type AppObject, isText, isUnreadable, ownedTexts, putOwned, readOwned, removeOwned, type Stores } from './app-owned-objects.ts';
import { putReadiness, staleReadiness } from './endpoint-readiness.ts';
import { followMarathonStream } from './marathon-stream.ts';

/** Events come in crowds: a look this long after the first, in milliseconds. */
const GATHER = 200;
/** A look that takes long, as in a large cluster, is followed by a pause of so many times that: most of the time is for others. */
const REST = 3;
/** Between two tries to reach Marathon, in milliseconds; twice as long each time, up to the usual interval or this. */
const RETRY = 2_000;
const LONGEST_RETRY = 30_000;

export interface MarathonFollowerOptions extends Stores {
  client: Pick<MarathonClient, 'listDefinitions' | 'followEvents' | 'getInfo'>;
  log: Logger;
  metrics: Pick<Metrics, 'marathonConnected' | 'marathonFaults' | 'marathonEvents' | 'marathonFailures'>;
  /** All of the cluster, as this agent knows them. */
  endpoints: () => Iterable<Endpoint>;
}

export class MarathonFollower {
  readonly #options: MarathonFollowerOptions;
  readonly #planner = new AppPlanner();
  /** Faults that were told, by app. */
  readonly #told = new Map<string, string>();
  #changed = Promise.withResolvers<void>();
  /** Undefined before the first answer. */
  #isAway: boolean | undefined;

  constructor(options: MarathonFollowerOptions) {
    this.#options = options;
  }

  /** Until the signal. */
  async follow({ intervalSeconds, signal }: { intervalSeconds: number; signal: AbortSignal }): Promise<void> {
    const longestRetry = Math.min(LONGEST_RETRY, Math.max(RETRY, intervalSeconds * 1000));
    const stream = { ...this.#options, longestRetry, onChange: () => this.#changed.resolve() };
    await Promise.all([followMarathonStream(stream, signal), this.#look(intervalSeconds, longestRetry, signal)]);
  }

  async #look(intervalSeconds: number, longestRetry: number, signal: AbortSignal): Promise<void> {
    let retry = RETRY;
    while (!signal.aborted) {
      const changed = this.#changed.promise;
      const began = performance.now();
      const isDone = await this.#lookOnce();
      const took = performance.now() - began;
      const round = new AbortController();
      const timer = delay(isDone ? intervalSeconds * 1000 : retry, undefined, { signal: AbortSignal.any([signal, round.signal]) });
      await Promise.race([timer, changed]).catch(() => {});
      round.abort();
      timer.catch(() => {});
      retry = isDone ? RETRY : Math.min(retry * 2, longestRetry);
      await delay(Math.max(GATHER, REST * took), undefined, { signal }).catch(() => {});
      this.#changed = Promise.withResolvers();
    }
  }

  async #lookOnce(): Promise<boolean> {
    const { log, metrics } = this.#options;
    try {
      await this.sync();
      if (this.#isAway !== false) await this.#greet();
      this.#isAway = false;
      metrics.marathonConnected.set(1);
      return true;
    } catch (error) {
      if (error instanceof MarathonError) metrics.marathonConnected.set(0);
      else if (!(error instanceof StoreError || error instanceof IpamError)) throw error;
      metrics.marathonFailures.inc({ what: error instanceof MarathonError ? 'request' : 'store' });
      if (this.#isAway !== true)
        log.warn({ error: error.message }, 'labels of apps cannot be followed for now; what they asked for last holds');
      this.#isAway = true;
      return false;
    }
  }

  /** Says whom this agent follows: which Marathon, and who of it leads. */
  async #greet(): Promise<void> {
    const { client, log } = this.#options;
    const { name, version, leader } = await client.getInfo();
    log.info({ name, version, leader }, this.#isAway ? 'Marathon answers again' : 'following Marathon');
  }

  /** One look at everything. Throws MarathonError, StoreError or IpamError; what was not done then, the next look does. */
  async sync(): Promise<void> {
    const { client, store, objects } = this.#options;
    const { apps, pods, podStatuses } = await client.listDefinitions();
    const plan = await this.#planner.plan([...apps, ...pods]);
    const all: AppObject[] = [...[...plan.apps.values()].flatMap((made) => made.objects), ...plan.services];
    const wanted = new Map(all.map((object) => [keyOf(object), object]));
    const known = await ownedTexts(store);
    const turn = new Turn();
    for (const [key, object] of wanted) {
      if (turn.isOver) await turn.end();
      const text = known.get(key);
      if ((text !== undefined && isText(text, object)) || (await this.#put(object, plan))) continue;
      const { name, namespace, annotations } = object.metadata;
      addFault(
        plan,
        annotations[APP_ANNOTATION]!,
        `${object.kind} ${namespace}/${name} is there and is not of Marathon: it was left alone`,
      );
    }
    const surplus = [...known.keys()].filter((key) => !wanted.has(key));
    if (surplus.length > 0) await this.#removeSurplus(surplus, plan);
    this.#tell(plan);
    const readiness = readinessOf({ apps, pods: podStatuses });
    for (const change of staleReadiness(this.#options.endpoints(), readiness)) await putReadiness(objects, change);
  }

  /** @returns false when somebody else's stands in its place */
  async #put(object: AppObject, plan: Plan): Promise<boolean> {
    const { name, namespace, annotations } = object.metadata;
    try {
      if (object.kind === 'Service') {
        const known = (await this.#options.objects.get('Service', name, namespace))?.object;
        if (known !== undefined && mayBeBehind(plan.unsure, known)) return true;
      }
      return (await putOwned(this.#options, object)) !== undefined;
    } catch (error) {
      // One that cannot have its address, or in whose place there is nothing readable, holds up nobody else.
      if (!isUnreadable(error) && !(object.kind === 'Service' && error instanceof IpamError)) throw error;
      addFault(plan, annotations[APP_ANNOTATION]!, `${object.kind} ${namespace}/${name}: ${(error as Error).message}`);
      return true;
    }
  }

  /** What an app no longer asks for goes at once; what one left that is gone, when its last container is. */
  async #removeSurplus(surplus: readonly string[], plan: Plan): Promise<void> {
    const endpoints = await this.#options.objects.list('Endpoint');
    const running = new Set(endpoints.objects.map(({ object }) => object.spec.mesos?.app));
    for (const key of surplus) {
      const object = await readOwned(this.#options, key);
      if (object === undefined || mayBeBehind(plan.unsure, object)) continue;
      const app = object.metadata.annotations[APP_ANNOTATION] ?? '';
      const isGone = plan.isComplete && !plan.unsure.has(app) && !running.has(app);
      if (plan.apps.has(app) || isGone) await removeOwned(this.#options, object);
    }
  }

  /** Each fault once, for as long as it lasts. */
  #tell({ faults }: Plan): void {
    const { log, metrics } = this.#options;
    for (const app of this.#told.keys()) if (!faults.has(app)) this.#told.delete(app);
    for (const [app, problems] of faults) {
      const text = problems.join('\n');
      if (this.#told.get(app) !== text) log.warn({ app: app.slice(0, 200), problems }, 'labels of an app cannot be followed');
      this.#told.set(app, text);
    }
    metrics.marathonFaults.set(faults.size);
  }
}

/** An app that cannot be read now may be behind a service still. */
function mayBeBehind(unsure: ReadonlySet<string>, object: AppObject): boolean {
  return object.kind === 'Service' && [...unsure].some((id) => object.spec.selector?.includes(`'${id}'`));
}

function addFault({ faults }: Plan, app: string, fault: string): void {
  faults.set(app, [...(faults.get(app) ?? []), fault]);
}
