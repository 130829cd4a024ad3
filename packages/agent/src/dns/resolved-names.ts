/** What DNS told this host's containers, endpoint by endpoint: kept over restarts of the agent, until its time is over. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

/** A shorter TTL counts as this: programs hold on to an address for longer than that. In seconds. */
const SHORTEST_TTL = 60;
const LONGEST_TTL = 86_400;
/** Names of one endpoint: the oldest make room. */
const NAMES_PER_ENDPOINT = 4096;
/** Addresses of one name, and of all names of one endpoint: whose name server gives others each time is not to fill the host's memory. */
const ADDRESSES_PER_NAME = 1024;
const ADDRESSES_PER_ENDPOINT = 16_384;

/** By endpoint's key, name and address: until when, in milliseconds since 1970. */
const schema = z.record(z.string(), z.record(z.string(), z.record(z.string(), z.number())));

export interface ResolvedNamesOptions {
  /** File that they are kept in. */
  path: string;
  /** Told of the addresses of a name when they have changed. */
  onChange: (endpoint: string, name: string, addresses: string[]) => void;
  /** Milliseconds of a clock that nobody sets; for tests. */
  now?: () => number;
  /** Milliseconds since 1970, for the file: what is saved by a clock that went wrong is kept for a day at the most. For tests. */
  wallClock?: () => number;
}

export class ResolvedNames {
  readonly #options: Required<ResolvedNamesOptions>;
  readonly #endpoints = new Map<string, Map<string, Map<string, number>>>();
  #isSaved = true;

  constructor({ now = () => performance.now(), wallClock = Date.now, ...options }: ResolvedNamesOptions) {
    this.#options = { ...options, now, wallClock };
  }

  /** Takes in what was saved. What cannot be read is as if there were nothing: containers ask again. */
  load(): void {
    const { path, now, wallClock, onChange } = this.#options;
    const left = (until: number) => Math.min(until - wallClock(), 1000 * LONGEST_TTL);
    for (const [endpoint, names] of Object.entries(readSaved(path))) {
      for (const [name, addresses] of Object.entries(names)) {
        this.#namesOf(endpoint).set(name, new Map(Object.entries(addresses).map(([address, until]) => [address, now() + left(until)])));
        onChange(endpoint, name, Object.keys(addresses));
      }
    }
  }

  /** @returns whether some name has an address that it had not */
  learn(
    endpoint: string,
    { names, addresses }: { names: readonly string[]; addresses: readonly { address: string; ttl: number }[] },
  ): boolean {
    if (addresses.length === 0) return false;
    let isNew = false;
    for (const name of names) {
      const known = this.#namesOf(endpoint).get(name) ?? new Map<string, number>();
      const before = known.size;
      for (const { address, ttl } of addresses) {
        const until = this.#options.now() + 1000 * Math.min(Math.max(ttl, SHORTEST_TTL), LONGEST_TTL);
        const longest = Math.max(until, known.get(address) ?? 0);
        // Told last, it stands last.
        if (known.size >= ADDRESSES_PER_NAME) known.delete(address);
        known.set(address, longest);
      }
      this.#isSaved = false;
      this.#namesOf(endpoint).set(name, known);
      if (known.size === before) continue;
      isNew = true;
      // The earliest told of make room.
      for (const oldest of known.keys()) {
        if (known.size <= ADDRESSES_PER_NAME) break;
        known.delete(oldest);
      }
      this.#options.onChange(endpoint, name, [...known.keys()]);
    }
    this.#makeRoom(endpoint);
    return isNew;
  }

  /** Whether something's time is over. */
  get isAnythingOver(): boolean {
    for (const names of this.#endpoints.values()) for (const addresses of names.values()) if (this.#over(addresses).length > 0) return true;
    return false;
  }

  /**
   * Drops what is over, but for what is in use: that is asked for again after a while.
   *
   * @returns whether anything was dropped
   */
  expire(isInUse: (endpoint: string, address: string) => boolean): boolean {
    let isDropped = false;
    for (const [endpoint, names] of this.#endpoints) {
      for (const [name, addresses] of names) {
        const over = this.#over(addresses);
        if (over.length === 0) continue;
        this.#isSaved = false;
        const before = addresses.size;
        for (const address of over) {
          if (isInUse(endpoint, address)) addresses.set(address, this.#options.now() + 1000 * SHORTEST_TTL);
          else addresses.delete(address);
        }
        if (addresses.size === before) continue;
        isDropped = true;
        this.#options.onChange(endpoint, name, [...addresses.keys()]);
        if (addresses.size === 0) names.delete(name);
      }
      if (names.size === 0) this.#endpoints.delete(endpoint);
    }
    return isDropped;
  }

  /** To be called when the endpoint is gone. */
  forget(endpoint: string): void {
    if (this.#endpoints.delete(endpoint)) this.#isSaved = false;
  }

  /** Writes what has changed since the last time: all of it or, when cut, nothing. */
  save(): void {
    if (this.#isSaved) return;
    const { path, now, wallClock } = this.#options;
    const ahead = wallClock() - now();
    const saved = (addresses: ReadonlyMap<string, number>) =>
      Object.fromEntries(Array.from(addresses, ([address, until]) => [address, Math.round(until + ahead)]));
    const content = Object.fromEntries(
      Array.from(this.#endpoints, ([endpoint, names]) => [
        endpoint,
        Object.fromEntries(Array.from(names, ([name, addresses]) => [name, saved(addresses)])),
      ]),
    );
    writeFileSync(`${path}.new`, JSON.stringify(content), { mode: 0o600 });
    renameSync(`${path}.new`, path);
    this.#isSaved = true;
  }

  #makeRoom(endpoint: string): void {
    const names = this.#namesOf(endpoint);
    let count = 0;
    for (const addresses of names.values()) count += addresses.size;
    for (const [oldest, addresses] of names) {
      if (names.size <= NAMES_PER_ENDPOINT && count <= ADDRESSES_PER_ENDPOINT) return;
      names.delete(oldest);
      count -= addresses.size;
      this.#options.onChange(endpoint, oldest, []);
    }
  }

  #over(addresses: ReadonlyMap<string, number>): string[] {
    const now = this.#options.now();
    return [...addresses].flatMap(([address, until]) => (until <= now ? [address] : []));
  }

  #namesOf(endpoint: string): Map<string, Map<string, number>> {
    const present = this.#endpoints.get(endpoint) ?? new Map<string, Map<string, number>>();
    this.#endpoints.set(endpoint, present);
    return present;
  }
}

function readSaved(path: string): z.infer<typeof schema> {
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return {};
  }
}
