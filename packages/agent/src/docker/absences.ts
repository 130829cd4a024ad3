/** For how long something has been missing, look by look. Pure but for its memory. */
export class Absences {
  readonly #since = new Map<string, number>();

  /**
   * @param missing what is missing now; what is there again is forgotten
   * @param now milliseconds of a clock that does not jump
   * @returns those that have been missing for as long
   */
  overdue(missing: readonly string[], milliseconds: number, now = performance.now()): Set<string> {
    const keys = new Set(missing);
    for (const key of this.#since.keys()) if (!keys.has(key)) this.#since.delete(key);
    for (const key of keys) if (!this.#since.has(key)) this.#since.set(key, now);
    return new Set([...keys].filter((key) => now - this.#since.get(key)! >= milliseconds));
  }

  /** Counts anew: nothing is known of the time between. */
  forget(): void {
    this.#since.clear();
  }
}
