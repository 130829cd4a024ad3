import { addressToNumber } from '@weir/resources';

const COLON = 58;
const DOT = 46;
const GROUPS = 8;

/**
 * Whether a text is an address as `parseAddress` would write it. Much faster than to parse it, for the many that come from the kernel.
 *
 * @returns false also for the few canonical texts with two longest runs of zeros, where writers differ: `parseAddress` has to tell
 */
export function isCanonicalAddress(text: string): boolean {
  return text.includes(':') ? groupsOf(text) !== undefined : dottedNumber(text) !== undefined;
}

/** As `addressToNumber` of a canonical address. */
export function addressNumber(address: string): bigint {
  if (!address.includes(':')) return BigInt(dottedNumber(address)!);
  const groups = groupsOf(address);
  if (groups === undefined) return addressToNumber(address);
  // A number holds 53 bits, and few steps in bigint are faster than many.
  const [a, b, c, d, e, f, g, h] = groups as [number, number, number, number, number, number, number, number];
  const part = (high: number, middle: number, low: number) => BigInt((high * 0x10000 + middle) * 0x10000 + low);
  return (part(0, a, b) << 96n) | (part(c, d, e) << 48n) | part(f, g, h);
}

function dottedNumber(text: string): number | undefined {
  let number = 0;
  let dots = 0;
  let byte: number | undefined;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === DOT && byte !== undefined) {
      number = number * 256 + byte;
      byte = undefined;
      dots += 1;
      continue;
    }
    // A digit after a zero would make that a leading one.
    if (code < 48 || code > 57 || byte === 0) return undefined;
    byte = (byte ?? 0) * 10 + code - 48;
    if (byte > 255) return undefined;
  }
  return dots === 3 && byte !== undefined ? number * 256 + byte : undefined;
}

/** The eight groups of an IPv6 address, if RFC 5952 §4 would have it written so. */
function groupsOf(text: string): number[] | undefined {
  const groups: number[] = [];
  let gap: number | undefined;
  for (let at = 0; at < text.length || groups.length === 0; ) {
    if (text.charCodeAt(at) === COLON && text.charCodeAt(at + 1) === COLON) {
      if (gap !== undefined) return undefined;
      gap = groups.length;
      at += 2;
      if (at === text.length) break;
    } else if (at > 0) {
      if (text.charCodeAt(at) !== COLON) return undefined;
      at += 1;
    }
    const start = at;
    let group = 0;
    for (let digit = hexDigit(text, at); digit !== undefined; digit = hexDigit(text, at)) {
      group = group * 16 + digit;
      at += 1;
    }
    const length = at - start;
    if (length === 0 || length > 4 || (length > 1 && group < 16 ** (length - 1))) return undefined;
    groups.push(group);
  }
  return shortenedRightly(groups, gap);
}

/** Lower case only; undefined at the end. */
function hexDigit(text: string, at: number): number | undefined {
  const code = text.charCodeAt(at);
  if (code >= 48 && code <= 57) return code - 48;
  return code >= 97 && code <= 102 ? code - 87 : undefined;
}

/** Fills the gap, if it is the one longest run of two zeros and more, or there is no such run and no gap. */
function shortenedRightly(groups: number[], gap: number | undefined): number[] | undefined {
  const missing = GROUPS - groups.length;
  if (gap === undefined ? missing !== 0 : missing < 2) return undefined;
  if (gap !== undefined && (groups[gap - 1] === 0 || groups[gap] === 0)) return undefined;
  const shortest = gap === undefined ? 2 : missing;
  let run = 0;
  for (const group of groups) {
    run = group === 0 ? run + 1 : 0;
    if (run >= shortest) return undefined;
  }
  if (gap === undefined) return groups;
  const whole = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let index = 0; index < groups.length; index += 1) whole[index < gap ? index : index + missing] = groups[index]!;
  return isMapped(whole) ? undefined : whole;
}

/** IPv4 in IPv6, which `parseAddress` refuses. */
function isMapped([a, b, c, d, e, f]: readonly number[]): boolean {
  return f === 0xffff && a === 0 && b === 0 && c === 0 && d === 0 && e === 0;
}
