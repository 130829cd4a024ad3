/** Passwords and tokens, found by where they stand in a configuration or an object, and taken out of everything. Pure. */

const MASK = '********';

/** Keys whose text is a secret; names of files that hold one (`passwordFile`, `{ file }`) are none. */
const SECRET_KEY = /(password|passwd|secret|token)$/i;
/** `name:password`, as etcdctl has it. */
const USER_KEY = /^(user|username)$/i;
const USERINFO = /(?<=:\/\/[^/@\s]*:)[^/@\s]+(?=@)/g;

export interface Masked {
  value: unknown;
  /** What was taken out. */
  secrets: string[];
}

/** The same without its secrets. */
export function maskSecrets(value: unknown): Masked {
  const secrets: string[] = [];
  return { value: mask(value, false), secrets };

  function mask(one: unknown, isSecret: boolean): unknown {
    if (typeof one === 'string') return isSecret ? take(one) : one.replaceAll(USERINFO, take);
    if (typeof one === 'number' && isSecret) return take(String(one));
    if (Array.isArray(one)) return one.map((item) => mask(item, isSecret));
    if (typeof one !== 'object' || one === null) return one;
    return Object.fromEntries(Object.entries(one).map(([key, item]) => [key, maskField(key, item, isSecret)]));
  }

  function maskField(key: string, item: unknown, isSecret: boolean): unknown {
    if (isSecret && key === 'file') return item;
    const colon = typeof item === 'string' && USER_KEY.test(key) ? item.indexOf(':') : -1;
    if (colon >= 0) return `${(item as string).slice(0, colon)}:${take((item as string).slice(colon + 1))}`;
    return mask(item, isSecret || SECRET_KEY.test(key));
  }

  function take(secret: string): string {
    if (secret !== '') secrets.push(secret);
    return MASK;
  }
}

/** A text without these secrets, wherever they stand in it. Very short ones are part of too much else. */
export function withoutSecrets(text: string, secrets: Iterable<string>): string {
  const long = [...new Set(secrets)].filter((secret) => secret.length >= 4).sort((one, other) => other.length - one.length);
  return long.reduce((rest, secret) => rest.replaceAll(secret, MASK), text);
}
