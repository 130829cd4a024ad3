/** Asks the agents of all hosts for flows, through the store, and hands on what they answer. */
import { randomUUID } from 'node:crypto';
import type { Store } from '@weir/datastore';
import { type FlowAnswer, type FlowQuery, type FlowRequest, flowAnswerKey, flowRequestKey, keyPrefix } from '@weir/resources';
import { CliError } from '../cli-error.ts';
import { presentAgents } from '../node/presence.ts';

/** Seconds that question and answers outlive who asked, when it is killed. */
const LEASE_SECONDS = 10;
/** For agents to answer, in milliseconds. Theirs is done in a few. */
const PATIENCE = 5_000;
/** Of all hosts together, so that a large cluster does not fill the store. */
const MAX_RECORDS = 20_000;
const LEAST_LIMIT = 20;

export type FlowEvent =
  | ({ type: 'answer'; host: string } & FlowAnswer)
  /** All that there was is told. What follows is new. */
  | {
      type: 'caughtUp';
      /** Hosts whose agents run and did not answer. */
      silent: string[];
      /** Hosts whose agents give no sign of life. */
      down: string[];
    };

/** Ends after `caughtUp` unless the query follows; then when the signal is aborted. */
export async function* askFlows(store: Store, query: FlowQuery, signal: AbortSignal): AsyncGenerator<FlowEvent> {
  const waiting = new Set((await presentAgents(store)).keys());
  const hosts = (await store.list(keyPrefix('Host'))).entries.map(({ key }) => key.slice(keyPrefix('Host').length));
  const down = hosts.filter((host) => !waiting.has(host));
  const limit = Math.min(query.limit, Math.max(LEAST_LIMIT, Math.ceil(MAX_RECORDS / Math.max(1, waiting.size))));
  const id = randomUUID();
  const lease = await store.lease(LEASE_SECONDS);
  const stop = new AbortController();
  const late = timeout(PATIENCE);
  try {
    const { revision } = await store.list(flowAnswerKey(id));
    const changes = store.watch(flowAnswerKey(id), { from: revision + 1, signal: AbortSignal.any([signal, stop.signal]) });
    const answers = answersIn(changes, id)[Symbol.asyncIterator]();
    const request: FlowRequest = { ...query, limit, lease: lease.id };
    await store.transact({ when: [], then: [{ put: flowRequestKey(id), value: JSON.stringify(request), lease: lease.id }] });

    const lost = lease.lost.then((): 'lost' => 'lost');
    let isCaughtUp = false;
    let next = answers.next();
    for (;;) {
      if (!isCaughtUp && waiting.size === 0) {
        isCaughtUp = true;
        yield { type: 'caughtUp', silent: [], down };
        if (!query.follow) return;
      }
      const came = await Promise.race([next, lost, ...(isCaughtUp ? [] : [late.passed])]);
      if (came === 'lost') throw new CliError('EFAILED', 'the store was away for longer than it keeps a question: ask again');
      if (came === 'late') {
        isCaughtUp = true;
        yield { type: 'caughtUp', silent: [...waiting].sort(), down };
        if (!query.follow) return;
        continue;
      }
      if (came.done) return;
      const { host, complete } = came.value;
      if (complete) waiting.delete(host);
      yield { type: 'answer', ...came.value };
      next = answers.next();
    }
  } finally {
    late.clear();
    stop.abort();
    await lease.revoke();
  }
}

async function* answersIn(changes: ReturnType<Store['watch']>, id: string): AsyncGenerator<{ host: string } & FlowAnswer> {
  for await (const { events } of changes) {
    for (const event of events) {
      if (event.type !== 'put') continue;
      yield { host: event.entry.key.slice(flowAnswerKey(id).length), ...(JSON.parse(event.entry.value) as FlowAnswer) };
    }
  }
}

function timeout(milliseconds: number): { passed: Promise<'late'>; clear: () => void } {
  const { promise, resolve } = Promise.withResolvers<'late'>();
  const timer = setTimeout(() => resolve('late'), milliseconds);
  return { passed: promise, clear: () => clearTimeout(timer) };
}
