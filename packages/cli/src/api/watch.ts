/**
 * Objects as they change, as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). An event's id is the
 * revision up to which the client has been told everything, so that it can go on there.
 */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { type Change, parseEntry, type Store, type StoreEvent } from '@weir/datastore';
import { type KindInfo, keyPrefix, matches, parseKey, type Selector } from '@weir/resources';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { parseLabelSelector } from '../objects/label-selector.ts';
import { plain } from '../output/object-output.ts';
import { RequestError } from './problem.ts';

/** All in all. */
const WATCHES = 1024;
/** Between two comments by which both ends see that the other lives, and how long a client may take nothing, in milliseconds. */
const KEEP_ALIVE = 15_000;
const PATIENCE = 30_000;
/** After which a client that lost its connection is to come back, in milliseconds. */
const RETRY = 2_000;

/** Why what a client knows is of no use, by the code of the store's error. */
const RESETS: Readonly<Record<string, string>> = {
  ECOMPACTED: 'the changes since then are no longer kept',
  EHISTORY: 'the store was restored from a backup',
};

interface Event {
  event: 'put' | 'remove' | 'invalid' | 'synced' | 'reset';
  data: Record<string, unknown>;
  /** Everything up to this revision has been told. */
  id?: number | undefined;
}

export interface WatchesOptions {
  store: Store;
  /** Ends all of them. */
  signal: AbortSignal;
  /** Told how many there are. */
  onCount: (count: number) => void;
}

export function wantsEvents({ headers }: FastifyRequest): boolean {
  return /\btext\/event-stream\b/.test(headers.accept ?? '');
}

export class Watches {
  readonly #options: WatchesOptions;
  #count = 0;

  constructor(options: WatchesOptions) {
    this.#options = options;
  }

  /** Answers the request with events, until the client, the server or the store ends it; the client then comes back where it was. */
  async follow({ kind }: KindInfo, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    if (this.#count >= WATCHES) throw new RequestError('EBUSY', `there are ${WATCHES} watches already: end some`);
    const { namespace } = request.params as { namespace?: string };
    const selector = parseLabelSelector(String((request.query as { selector?: unknown }).selector ?? ''));
    const from = lastEventId(request);
    const { store } = this.#options;
    const prefix = keyPrefix(kind, namespace);
    // What the store refuses at once is told as a problem.
    const first = from === undefined ? await snapshot(store, prefix, selector) : [];
    const ended = new AbortController();
    request.raw.once('close', () => ended.abort());
    const signal = AbortSignal.any([this.#options.signal, ended.signal]);
    reply.hijack();
    this.#options.onCount(++this.#count);
    try {
      const later = changes(store, prefix, selector, from ?? first.at(-1)!.id!, signal);
      // A token that was taken back is told nothing more.
      const mayGoOn = () => {
        if (!request.isStillAllowed()) ended.abort();
        return !ended.signal.aborted;
      };
      await stream(reply.raw, { first, later, mayGoOn }, signal);
    } catch {
      // The store is away, or the client took nothing: the end of the answer tells it to come back.
    } finally {
      this.#options.onCount(--this.#count);
      reply.raw.end();
    }
  }
}

function lastEventId({ headers }: FastifyRequest): number | undefined {
  const given = headers['last-event-id'];
  if (given === undefined || given === '') return undefined;
  if (/^\d{1,15}$/.test(String(given))) return Number(given);
  throw new RequestError('EUSAGE', 'Last-Event-ID is the id of an event, a whole number');
}

async function stream(
  response: ServerResponse,
  { first, later, mayGoOn }: { first: readonly Event[]; later: AsyncIterable<Event>; mayGoOn: () => boolean },
  signal: AbortSignal,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
  response.write(`retry: ${RETRY}\n\n`);
  const alive = setInterval(() => mayGoOn() && response.write(': alive\n\n'), KEEP_ALIVE);
  try {
    for (const event of first) await send(response, event, signal);
    for await (const event of later) {
      if (!mayGoOn()) return;
      await send(response, event, signal);
    }
  } finally {
    clearInterval(alive);
  }
}

async function send(response: ServerResponse, { event, data, id }: Event, signal: AbortSignal): Promise<void> {
  const text = `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
  if (response.write(text)) return;
  const patience = new AbortController();
  const tooSlow = delay(PATIENCE, undefined, { signal: patience.signal }).then(() => {
    throw new Error('the client takes nothing');
  });
  try {
    await Promise.race([once(response, 'drain', { signal }), tooSlow]);
  } finally {
    patience.abort();
    tooSlow.catch(() => {});
  }
}

/** All that is there, then `synced`. */
async function snapshot(store: Store, prefix: string, selector: Selector): Promise<Event[]> {
  const { entries, revision } = await store.list(prefix);
  const events = entries.map((entry) => eventOf({ type: 'put', entry }, entry.revision, selector));
  // What does not match was not there for this client.
  return [...events.filter(({ event }) => event !== 'remove'), { event: 'synced', data: { revision }, id: revision }];
}

async function* changes(store: Store, prefix: string, selector: Selector, after: number, signal: AbortSignal): AsyncGenerator<Event> {
  for (let known = after; ; ) {
    try {
      for await (const change of store.watch(prefix, { from: known + 1, signal })) yield* eventsOf(change, selector);
      return;
    } catch (error) {
      const reason = RESETS[(error as { code?: string }).code ?? ''];
      if (reason === undefined) throw error;
      yield { event: 'reset', data: { reason: `${reason}: forget what you know, all of it follows` } };
      const all = await snapshot(store, prefix, selector);
      yield* all;
      known = all.at(-1)!.id!;
    }
  }
}

function eventsOf({ revision, events }: Change, selector: Selector): Event[] {
  return events.map((event, index) => ({
    ...eventOf(event, revision, selector),
    // A client that is cut off in the middle of a revision is told all of it again.
    ...(index === events.length - 1 && { id: revision }),
  }));
}

/** An object that does not match, or no longer, is one that is not there. */
function eventOf(event: StoreEvent, revision: number, selector: Selector): Event {
  const key = event.type === 'put' ? event.entry.key : event.key;
  if (event.type === 'delete') return { event: 'remove', data: { revision, ...parseKey(key) } };
  try {
    const object = parseEntry(event.entry);
    if (!matches(selector, object.metadata.labels)) return { event: 'remove', data: { revision, ...parseKey(key) } };
    return { event: 'put', data: { revision, object: plain(object) } };
  } catch (error) {
    return { event: 'invalid', data: { revision, key, error: (error as Error).message } };
  }
}
