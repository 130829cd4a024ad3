import type { ILeaseKeepAliveResponse, ITxnResponse } from 'etcd3';
import { checkFrom, checkKey, checkTransaction, checkTtl } from '../check-transaction.ts';
import { type Place, placeAfter } from '../place.ts';
import { RenewedLease } from '../renewed-lease.ts';
import type {
  Change,
  Entry,
  Lease,
  LeaseId,
  Listed,
  ListOptions,
  Operation,
  Store,
  Transaction,
  TransactionResult,
  WatchOptions,
} from '../store.ts';
import { StoreError } from '../store-error.ts';
import type { EtcdOptions } from '../store-options.ts';
import type { Connection } from './connection.ts';
import { type CallOptions, Endpoints } from './endpoints.ts';
import { failureOf, storeErrorOf } from './etcd-error.ts';
import { type OpenWatch, openWatch } from './etcd-watch.ts';
import { entryOf, rangeOf } from './key-value.ts';

const READS: CallOptions = { writes: false };
const WRITES: CallOptions = { writes: true };

/** Opens the store and makes sure that it can be used: throws EUNAVAILABLE, ETLS or EAUTH. */
export async function openEtcdStore(options: EtcdOptions, check = true): Promise<EtcdStore> {
  const endpoints = await Endpoints.open(options);
  if (!check) return new EtcdStore(options, endpoints);
  try {
    await endpoints.call(({ kv }) => kv.range({ ...rangeOf('/weir/'), count_only: true }), READS);
  } catch (error) {
    endpoints.close();
    throw error;
  }
  return new EtcdStore(options, endpoints);
}

/**
 * A store in an etcd 3.4 or later cluster: https://etcd.io/docs/v3.4/learning/api/
 *
 * Reads are linearizable and tried at each endpoint within `timeoutMilliseconds`. A write is sent again only if it cannot have reached a server;
 * else its EUNAVAILABLE says `maybeCommitted`. A watch that loses its connection goes on where it was, from any endpoint.
 */
export class EtcdStore implements Store {
  readonly #options: EtcdOptions;
  readonly #endpoints: Endpoints;
  readonly #leases = new Set<RenewedLease>();
  readonly #closing = new AbortController();

  constructor(options: EtcdOptions, endpoints: Endpoints) {
    this.#options = options;
    this.#endpoints = endpoints;
  }

  async get(key: string): Promise<Entry | undefined> {
    checkKey(key);
    const { kvs } = await this.#call(({ kv }) => kv.range({ key: Buffer.from(key) }), READS);
    return kvs[0] && entryOf(kvs[0]);
  }

  async list(prefix: string, { keysOnly = false }: ListOptions = {}): Promise<Listed> {
    const { kvs, header } = await this.#call(({ kv }) => kv.range({ ...rangeOf(prefix), keys_only: keysOnly }), READS);
    return { entries: kvs.map(entryOf), revision: Number(header.revision), history: header.cluster_id };
  }

  async transact(transaction: Transaction): Promise<TransactionResult> {
    checkTransaction(transaction);
    const request = {
      compare: transaction.when.map(({ key, revision }) => ({
        key: Buffer.from(key),
        target: 'Mod' as const,
        result: 'Equal' as const,
        mod_revision: revision,
      })),
      success: transaction.then.map(requestOf),
      failure: transaction.when.map(({ key }) => ({ request_range: { key: Buffer.from(key) } })),
    };
    const answer: ITxnResponse = await this.#call(({ kv }) => kv.txn(request), WRITES);
    if (answer.succeeded) return { committed: true, revision: Number(answer.header.revision) };
    return { committed: false, current: answer.responses.map(({ response_range: { kvs } }) => kvs[0] && entryOf(kvs[0])) };
  }

  async *watch(prefix: string, { signal, ...start }: WatchOptions): AsyncGenerator<Change> {
    checkFrom(start.from);
    const ending = signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal;
    let place: Place = start;
    while (!ending.aborted) {
      const open = await this.#openWatch(prefix, place, ending);
      if (!open) break;
      place = { ...place, history: open.history };
      ending.addEventListener('abort', open.cancel);
      try {
        for await (const change of open.changes) {
          if (ending.aborted) break;
          yield change;
          place = placeAfter(place, change);
        }
      } catch (error) {
        if (ending.aborted) break;
        const failure = failureOf(error);
        if (failure.code !== 'EUNAVAILABLE') throw storeErrorOf(failure, this.#options, false);
      } finally {
        ending.removeEventListener('abort', open.cancel);
        open.cancel();
      }
    }
    if (!signal?.aborted) this.#refuseIfClosed();
  }

  async lease(ttlSeconds: number): Promise<Lease> {
    checkTtl(ttlSeconds);
    // A grant that was made but not answered expires by itself, unused.
    const { ID: id, TTL } = await this.#call(({ leases }) => leases.leaseGrant({ TTL: ttlSeconds }), READS);
    const lease = new RenewedLease({
      id,
      ttlSeconds: Number(TTL),
      renew: () => this.#call((connection) => renewLease(connection, id, this.#options.timeoutMilliseconds), READS),
      end: async () => {
        this.#leases.delete(lease);
        await this.#call(({ leases }) => leases.leaseRevoke({ ID: id }), READS).catch(ignoreGone);
      },
    });
    this.#leases.add(lease);
    return lease;
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    for (const lease of this.#leases) lease.stop();
    this.#closing.abort();
    this.#endpoints.close();
  }

  async #call<Result>(action: (connection: Connection) => Promise<Result>, options: CallOptions): Promise<Result> {
    this.#refuseIfClosed();
    try {
      return await this.#endpoints.call(action, options);
    } catch (error) {
      // What close() broke off.
      this.#refuseIfClosed();
      throw error;
    }
  }

  #refuseIfClosed(): void {
    if (this.#closing.signal.aborted) throw new StoreError('ECLOSED', `the store etcd ${this.#options.endpoints.join(', ')} was closed`);
  }

  /** Tries until the timeout; undefined when `ending` came first. */
  async #openWatch(prefix: string, place: Place, ending: AbortSignal): Promise<OpenWatch | undefined> {
    const timeout = this.#options.timeoutMilliseconds;
    try {
      const open = await this.#endpoints.call((connection) => openWatch(connection, prefix, place, timeout), {
        writes: false,
        signal: ending,
      });
      if (!ending.aborted) return open;
      open.cancel();
    } catch (error) {
      if (!ending.aborted) throw error;
    }
    return undefined;
  }
}

function requestOf(operation: Operation) {
  if ('delete' in operation) return { request_delete_range: { key: Buffer.from(operation.delete) } };
  const { put, value, lease } = operation;
  return { request_put: { key: Buffer.from(put), value: Buffer.from(value), ...(lease !== undefined && { lease }) } };
}

/** Whether the lease was still there. etcd answers TTL 0 for one that is gone. */
async function renewLease({ leases }: Connection, id: LeaseId, timeoutMilliseconds: number): Promise<boolean> {
  const stream = await leases.leaseKeepAlive();
  const { promise, resolve, reject } = Promise.withResolvers<ILeaseKeepAliveResponse>();
  stream.on('data', resolve);
  stream.on('error', reject);
  stream.on('end', () => reject(new Error('the lease stream ended')));
  const timer = setTimeout(() => reject(new Error('no answer to a lease renewal')), timeoutMilliseconds);
  try {
    stream.write({ ID: id });
    return (await promise).TTL !== '0';
  } finally {
    clearTimeout(timer);
    stream.end();
    stream.cancel();
  }
}

function ignoreGone(error: unknown): void {
  if (!(error instanceof StoreError) || error.code !== 'ELEASE') throw error;
}
