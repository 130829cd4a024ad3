import { type AnyObject, keyOf, parseObject } from '@weir/resources';
import type { Entry } from './store.ts';
import { StoreError } from './store-error.ts';

/** Throws when the value is no valid object, or another than its key says. */
export function parseEntry({ key, value }: Entry): AnyObject {
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch (error) {
    throw new StoreError('EINVAL', `${key}: its value is no JSON: ${(error as Error).message}`, { cause: error });
  }
  const object = parseObject(parsed, { file: key });
  if (keyOf(object) !== key) throw new StoreError('EINVAL', `${key}: its value is the object of ${keyOf(object)}`);
  return object;
}

/** What an entry holds that is no valid object, for those who take what they can of it: parsed if it is JSON, else its text. */
export function looseValue({ value }: Entry): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
