import type { IDuplexStream, IWatchRequest, IWatchResponse } from 'etcd3';
import type { Place } from '../place.ts';
import type { Change } from '../store.ts';
import { StoreError } from '../store-error.ts';
import type { Connection } from './connection.ts';
import { entryOf, rangeOf } from './key-value.ts';

type WatchStream = IDuplexStream<IWatchRequest, IWatchResponse> & AsyncIterable<IWatchResponse> & NodeJS.ReadWriteStream;

/** A watch that etcd has confirmed. Ends by an error: of the connection, of etcd's refusal, or `cancel()`. */
export interface OpenWatch {
  changes: AsyncGenerator<Change>;
  /** Of the cluster. */
  history: string;
  cancel(): void;
}

/**
 * Opens one watch on one stream of its own.
 *
 * etcd3's `Watcher` is not used: it resumes after the revision in the header of any response, the first ("created") included. That header holds
 * the store's revision, not the watch's place, so a connection that breaks while a watch is catching up loses what lies between.
 */
export async function openWatch(connection: Connection, prefix: string, place: Place, timeoutMilliseconds: number): Promise<OpenWatch> {
  const { from } = place;
  // Before, too: it renews a token that ran out, which a stream takes for missing rights.
  const history = await checkHistory(connection, prefix, place);
  const stream = (await connection.watches.watch()) as WatchStream;
  // The iterator below reports errors; one that comes after its end has nobody to tell.
  stream.on('error', () => {});
  const cancel = () => stream.cancel();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    cancel();
  }, timeoutMilliseconds);
  try {
    const responses = stream[Symbol.asyncIterator]();
    stream.write({ create_request: { ...rangeOf(prefix), start_revision: from, progress_notify: true } });
    const first = await responses.next();
    if (first.done) throw new Error('the watch stream ended');
    refuseCanceled(first.value);
    await checkHistory(connection, prefix, { ...place, history });
    return { changes: readChanges(responses, from), history, cancel };
  } catch (error) {
    cancel();
    throw timedOut ? new Error(`no answer to a watch request in ${timeoutMilliseconds} ms`, { cause: error }) : error;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Throws etcd's "compacted" when something from `from` on may be lost, "future revision" when `from` lies ahead of the store's history, and
 * EHISTORY when that is another one than is known: a cluster restored from a backup has a new id, unless it was made with the token and addresses
 * of the old one, and by its revisions it may have come further than the old one was.
 * The watch itself does not tell: etcd before 3.4.36 drops a delete made at the very revision of a compaction and lets a watch begin there,
 * and it lets a watch wait for a revision that lies ahead. Asking after the watch is confirmed leaves no time between.
 *
 * @returns the cluster's id
 */
async function checkHistory({ kv }: Connection, prefix: string, { from, history, seen }: Place): Promise<string> {
  const range = seen === undefined ? { ...rangeOf(prefix), limit: 1, count_only: true } : { key: Buffer.from(seen.key) };
  // Revision 0 asks for the newest, which is always there: before the first revision nothing can be lost.
  const { header, kvs } = await kv.range({ ...range, revision: from - 1 });
  if (history !== undefined && header.cluster_id !== history)
    throw new StoreError(
      'EHISTORY',
      `etcd is cluster ${header.cluster_id}, and was ${history}: as after a restore from a backup; list again`,
    );
  const found = kvs[0] && entryOf(kvs[0]);
  if (seen !== undefined && (found?.revision !== seen.revision || found.value !== seen.value))
    throw new StoreError(
      'EHISTORY',
      `etcd has another ${seen.key} at revision ${from - 1} than it had: as after a restore from a backup; list again`,
    );
  return header.cluster_id;
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
          String(type).toUpperCase() === 'DELETE'
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
