import { frozen } from '@weir/resources';

/**
 * A pure function of an object that nobody changes, worked out once for each. The calls of a network come with the same configuration again
 * and again; to read it anew for each step of each would be a tenth of what an ADD does.
 */
export function workedOutOnce<Of extends object, Result>(work: (of: Of) => Result): (of: Of) => Result {
  const known = new WeakMap<Of, { result: Result }>();
  return (of) => {
    let entry = known.get(of);
    if (entry === undefined) {
      entry = { result: frozen(work(of)) };
      known.set(of, entry);
    }
    return entry.result;
  };
}
