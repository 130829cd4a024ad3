import type { IDuplexStream, IWatchRequest, IWatchResponse } from 'etcd3';
import type { Change } from '../store.ts';
import type { Attempt } from './endpoints.ts';
import { entryOf, rangeOf } from './key-value.ts';

type WatchStream = IDuplexStream<IWatchRequest, IWatchResponse> & AsyncIterable<IWatchResponse> & NodeJS.ReadWriteStream;

/** A watch that etcd has confirmed. Ends by an error: of the connection, of etcd's refusal, or `cancel()`. */
export interface OpenWatch {
  changes: AsyncGenerator<Change>;
  cancel(): void;
}

/**
 * Opens one watch on one stream of its own.
 *
 * etcd3's `Watcher` is not used: it resumes after the revision in the header of any response, the first ("created") included. That header holds
 * the store's revision, not the watch's place, so a connection that breaks while a watch is catching up loses what lies between.
 */
export async function openWatch({ client, deadline }: Attempt, prefix: string, from: number): Promise<OpenWatch> {
  const stream = (await client.watchClient.watch()) as WatchStream;
  // The iterator below reports errors; one that comes after its end has nobody to tell.
  stream.on('error', () => {});
  const cancel = () => {
    // First end: etcd3 takes the error of a writable stream for a failed host and would close the connection under all other calls.
    stream.end();
    stream.cancel();
  };
  const timer = setTimeout(cancel, deadline - Date.now());
  try {
    const responses = stream[Symbol.asyncIterator]();
    stream.write({ create_request: { ...rangeOf(prefix), start_revision: from, progress_notify: true } });
    const first = await responses.next();
    if (first.done) throw new Error('the watch stream ended');
    refuseCanceled(first.value);
    await checkHistory({ client, deadline }, prefix, from);
    return { changes: readChanges(responses, from), cancel };
  } catch (error) {
    cancel();
    throw Date.now() >= deadline ? new Error('no answer to a watch request', { cause: error }) : error;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Throws etcd's "compacted" when something from `from` on may be lost, "future revision" when `from` is of another store's history.
 * The watch itself does not tell: etcd before 3.4.36 drops a delete made at the very revision of a compaction and lets a watch begin there,
 * and it lets a watch wait for a revision that lies ahead. Asking after the watch is confirmed leaves no time between.
 */
async function checkHistory({ client }: Attempt, prefix: string, from: number): Promise<void> {
  if (from <= 1) return;
  await client.kv.range({ ...rangeOf(prefix), revision: from - 1, limit: 1, count_only: true });
}

async function* readChanges(responses: AsyncIterator<IWatchResponse>, from: number): AsyncGenerator<Change> {
  for (;;) {
    const { value: response, done } = await responses.next();
    if (done) throw new Error('the watch stream ended');
    refuseCanceled(response);
    // A response holds whole revisions, one or several, since it was not asked to be sent in fragments.
    const changes: Change[] = [];
    for (const { type, kv } of (response as IWatchResponse).events) {
      const revision = Number(kv.mod_revision);
      if (revision < from) continue;
      if (changes.at(-1)?.revision !== revision) changes.push({ revision, events: [] });
      changes
        .at(-1)!
        .events.push(
          type === 'Delete' || String(type) === 'DELETE'
            ? { type: 'delete', key: kv.key.toString(), revision }
            : { type: 'put', entry: entryOf(kv) },
        );
    }
    yield* changes;
  }
}

function refuseCanceled({ canceled, compact_revision, cancel_reason }: IWatchResponse): void {
  if (!canceled) return;
  if (compact_revision !== '0') throw new Error(`required revision has been compacted, the oldest is ${compact_revision}`);
  throw new Error(cancel_reason || 'etcd canceled the watch');
}
