/**
 * The latest known objects, whoever told of them: the watch of the store, or this agent's own write, which must be in force before the
 * watch brings it back. The revision decides which news is newer, so the two ways never undo each other.
 */
import { type AnyObject, type Endpoint, type Host, type Kind, keyOf, type Labels, namespaceLabels, type ObjectOf } from '@weir/resources';
import { type Owner, ownerKey } from './calls/attachments.ts';

export interface Change {
  key: string;
  before?: AnyObject;
  after?: AnyObject;
}

export type Listener = (change: Change) => void;

/**
 * How long a deletion is remembered, ms: longer than any write of this agent may be under way. The watch brings nothing that is older than the
 * deletion that it has brought.
 */
const MEMORY = 20 * 60_000;

/** Before any that a store has. */
const DOUBTED = 0;

interface Known {
  revision: number;
  /** Absent: deleted at that revision. */
  object?: AnyObject;
}

export class ClusterState {
  readonly #known = new Map<string, Known>();
  /** What is there, by kind and key: a change of a policy must not go through all endpoints to find a host. */
  readonly #objects = new Map<Kind, Map<string, AnyObject>>();
  /** This host's endpoints by owner: every CNI call looks for one, however many the cluster has. */
  readonly #local = new Map<string, Endpoint>();
  /** When the store told of each deletion that is remembered, ms of the monotonic clock, the earliest first. */
  readonly #deletedAt = new Map<string, number>();
  readonly #host: string;
  readonly #listener: Listener;

  constructor(host: string, listener: Listener) {
    this.#host = host;
    this.#listener = listener;
  }

  put(object: AnyObject, revision: number): void {
    const key = keyOf(object);
    if (revision > this.revisionOf(key)) this.#learn(key, { revision, object });
  }

  /** @param key as of `keyOf` */
  remove(key: string, revision: number, now = performance.now()): void {
    if (revision <= this.revisionOf(key)) return;
    this.#learn(key, { revision });
    this.#deletedAt.set(key, now);
    for (const [oldest, deletedAt] of this.#deletedAt) {
      if (now - deletedAt <= MEMORY) return;
      this.#deletedAt.delete(oldest);
      this.#known.delete(oldest);
    }
  }

  /** Takes an object for gone before the store says so. Only a later write brings it back. */
  forget(key: string): void {
    const known = this.#known.get(key);
    if (known?.object !== undefined) this.#learn(key, { revision: known.revision });
  }

  /** The store has another history: its revisions are not to be compared with those that are known. What is not told again until `dropUntold` is gone. */
  doubtAll(): void {
    for (const [key, { object }] of this.#known) {
      if (object === undefined) this.#known.delete(key);
      else this.#known.set(key, { revision: DOUBTED, object });
    }
    this.#deletedAt.clear();
  }

  dropUntold(): void {
    for (const [key, { revision, object }] of this.#known) {
      if (revision !== DOUBTED || object === undefined) continue;
      this.#learn(key, { revision });
      this.#known.delete(key);
    }
  }

  *list<K extends Kind>(kind: K): Generator<ObjectOf<K>> {
    for (const object of this.#objects.get(kind)?.values() ?? []) yield object as ObjectOf<K>;
  }

  *all(): Generator<AnyObject> {
    for (const objects of this.#objects.values()) yield* objects.values();
  }

  /** This host's own object, if there is one. */
  get host(): Host | undefined {
    const object = this.#known.get(keyOf({ kind: 'Host', metadata: { name: this.#host } }))?.object;
    return object?.kind === 'Host' ? object : undefined;
  }

  /** The network, when it has its own address space: what the store says may be newer. */
  spaceFor(network: string): string | undefined {
    const object = this.#known.get(keyOf({ kind: 'Network', metadata: { name: network } }))?.object;
    return object?.kind === 'Network' && object.spec.addressSpace === 'Own' ? network : undefined;
  }

  localEndpoints(): Endpoint[] {
    return [...this.#local.values()];
  }

  get localCount(): number {
    return this.#local.size;
  }

  localEndpoint(owner: Owner): Endpoint | undefined {
    return this.#local.get(ownerKey(owner));
  }

  /** What namespace selectors see of it, whether or not it has an object. */
  namespaceLabels(name: string): Labels {
    const key = keyOf({ kind: 'Namespace', metadata: { name } });
    return namespaceLabels(name, this.#known.get(key)?.object);
  }

  #isLocal(object: AnyObject | undefined): object is Endpoint {
    return object?.kind === 'Endpoint' && object.spec.host === this.#host;
  }

  /** Of the last write that is known of; 0 when none is. */
  revisionOf(key: string): number {
    return this.#known.get(key)?.revision ?? 0;
  }

  #learn(key: string, news: Known): void {
    const before = this.#known.get(key)?.object;
    // A deletion is remembered for a while: an older put may still be on its way.
    this.#known.set(key, news);
    this.#deletedAt.delete(key);
    if (before !== undefined) this.#objects.get(before.kind)!.delete(key);
    if (news.object !== undefined) {
      const ofKind = this.#objects.get(news.object.kind) ?? new Map<string, AnyObject>();
      this.#objects.set(news.object.kind, ofKind.set(key, news.object));
    }
    if (this.#isLocal(before)) this.#local.delete(ownerKey(before.spec));
    if (this.#isLocal(news.object)) this.#local.set(ownerKey(news.object.spec), news.object);
    if (before !== undefined || news.object !== undefined) this.#listener({ key, before, after: news.object });
  }
}
