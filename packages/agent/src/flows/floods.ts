/** Pure: of whom enough was told until the window ends, by what the table tells of floods. */
import type { LoggedPacket } from '@weir/kernel';
import { FLOOD_PREFIX, FLOOD_TO_PREFIX, type Muted } from '@weir/policy';

/** A destination is muted for so many that flood it together: each of fewer is muted by itself, and nobody else for it. */
const MANY_SOURCES = 3;

export type FloodPacket = Pick<LoggedPacket, 'prefix' | 'source' | 'destination'>;

export class Floods implements Muted {
  readonly #sources = new Set<string>();
  readonly #destinations = new Set<string>();
  /** Of a destination, those not muted that were seen in a flood to it. */
  readonly #senders = new Map<string, Set<string>>();

  get sources(): ReadonlySet<string> {
    return this.#sources;
  }

  get destinations(): ReadonlySet<string> {
    return this.#destinations;
  }

  /** @returns who is to be muted for it and was not yet; undefined for a packet that tells of no flood */
  add({ prefix, source, destination }: FloodPacket): 'source' | 'destination' | 'nobody' | undefined {
    if (prefix === FLOOD_PREFIX) return this.#addTo(this.#sources, source) ? 'source' : 'nobody';
    if (prefix !== FLOOD_TO_PREFIX) return undefined;
    return this.#isFromMany(source, destination) && this.#addTo(this.#destinations, destination) ? 'destination' : 'nobody';
  }

  /** The window has ended. @returns whether somebody was muted */
  clear(): boolean {
    const wasMuted = this.#sources.size + this.#destinations.size > 0;
    this.#sources.clear();
    this.#destinations.clear();
    this.#senders.clear();
    return wasMuted;
  }

  #isFromMany(source: string, destination: string): boolean {
    if (this.#sources.has(source)) return false;
    const senders = this.#senders.get(destination) ?? new Set();
    this.#senders.set(destination, senders.add(source));
    return senders.difference(this.#sources).size >= MANY_SOURCES;
  }

  #addTo(muted: Set<string>, address: string): boolean {
    if (muted.has(address)) return false;
    muted.add(address);
    return true;
  }
}
