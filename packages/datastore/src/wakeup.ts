/** Lets any number of loops sleep until something happened. Take `next` before looking, await it after: then nothing falls between. */
export class Wakeup {
  #pending = Promise.withResolvers<void>();

  get next(): Promise<void> {
    return this.#pending.promise;
  }

  wake(): void {
    this.#pending.resolve();
    this.#pending = Promise.withResolvers();
  }
}
