import type { Need } from './draft.ts';

/** What the view lacks; thrown from wherever that is found. */
export class Missing extends Error {
  readonly need: Need;

  constructor(need: Need) {
    super('the view lacks something');
    this.need = need;
  }
}
