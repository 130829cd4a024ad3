import type { IKeyValue } from 'etcd3';
import { prefixEnd } from '../key-range.ts';
import type { Entry } from '../store.ts';

const ZERO = Buffer.from([0]);

/** etcd's range for all keys that begin with `prefix`; a single zero byte stands for the first key and for no end. */
export function rangeOf(prefix: string): { key: Buffer; range_end: Buffer } {
  const end = prefixEnd(prefix);
  return { key: prefix === '' ? ZERO : Buffer.from(prefix), range_end: end === undefined ? ZERO : Buffer.from(end) };
}

export function entryOf({ key, value, mod_revision, create_revision, lease }: IKeyValue): Entry {
  return {
    key: key.toString(),
    value: value.toString(),
    revision: Number(mod_revision),
    created: Number(create_revision),
    ...(lease !== '0' && { lease }),
  };
}
