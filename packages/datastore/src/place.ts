import type { Change, Entry } from './store.ts';

/** How far somebody has read a store, and by what he knows its history again: one that was restored from a backup has another from there on. */
export interface Place {
  /** The first revision that was not read. */
  from: number;
  /** As the list told it; absent: not known. */
  history?: string | undefined;
  /** Was there at the revision before `from`; absent: nothing is known of that. */
  seen?: Entry | undefined;
}

/** The place behind a list of all that there is. */
export function placeBehind({ entries, revision, history }: { entries: readonly Entry[]; revision: number; history?: string }): Place {
  let newest: Entry | undefined;
  for (const entry of entries) if (newest === undefined || entry.revision > newest.revision) newest = entry;
  return { from: revision + 1, history, seen: newest };
}

/** The place behind a change that was read next. */
export function placeAfter({ history, seen }: Place, { revision, events }: Change): Place {
  let newest = seen;
  for (const event of events) {
    if (event.type === 'put') newest = event.entry;
    else if (event.key === newest?.key) newest = undefined;
  }
  return { from: revision + 1, history, seen: newest };
}
