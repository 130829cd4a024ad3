import { FAMILIES } from './address-families.ts';

/** Interfaces that are ours, by the prefix that Weir gives them or one by one. */
export const BY_NAME = ['"weir*"'];
export const OURS = [...BY_NAME, '@adopted'];
export const NOT_OURS = OURS.map((name) => `iifname != ${name}`).join(' ');

/** Behind a bridge an interface is not seen; the table bridge sees to it that addresses can be trusted there. */
export function bridged(field: 'saddr' | 'daddr', chain: string, how: 'jump' | 'goto' = 'jump'): string[] {
  return FAMILIES.map(({ ip, version }) => `${ip} ${field} @bridged${version} ${how} ${chain}`);
}
