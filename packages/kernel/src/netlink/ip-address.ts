/** IP addresses, CIDRs and MAC addresses between text and the kernel's bytes. Text is canonical: RFC 5952 for IPv6. */
import { isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

export const AF_UNSPEC = 0;
export const AF_INET = 2;
export const AF_INET6 = 10;

export type IpVersion = 4 | 6;

export interface Prefix {
  version: IpVersion;
  family: number;
  bytes: Uint8Array;
  length: number;
}

/** Bytes of an address in network order. Throws TypeError for what is none, a zone (`fe80::1%eth0`) included. */
export function parseAddress(text: string): Uint8Array {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number);
  if (isIPv6(text) && !text.includes('%')) return Uint8Array.from(ipaddr.IPv6.parse(text).toByteArray());
  throw new TypeError(`"${text}" is not an IP address; write 10.0.0.1 or fd00::1, without a zone`);
}

/** Canonical text of 4 or 16 bytes in network order. */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  return new ipaddr.IPv6(Array.from(bytes)).toRFC5952String();
}

/** An address with its prefix length; without one, of the whole address (/32, /128). Throws TypeError. */
export function parsePrefix(text: string): Prefix {
  const slash = text.indexOf('/');
  const bytes = parseAddress(slash < 0 ? text : text.slice(0, slash));
  const lengthText = slash < 0 ? String(bytes.length * 8) : text.slice(slash + 1);
  const length = Number(lengthText);
  if (!/^\d{1,3}$/.test(lengthText) || length > bytes.length * 8) {
    throw new TypeError(`"${text}" is not a CIDR; its prefix length goes from 0 to ${bytes.length * 8}`);
  }
  return bytes.length === 4 ? { version: 4, family: AF_INET, bytes, length } : { version: 6, family: AF_INET6, bytes, length };
}

/** `address/length` in canonical text. */
export function formatPrefix(bytes: Uint8Array, length: number): string {
  return `${formatAddress(bytes)}/${length}`;
}

/** AF_INET, AF_INET6, or AF_UNSPEC for no version. */
export function familyOf(version: IpVersion | undefined): number {
  return version === 4 ? AF_INET : version === 6 ? AF_INET6 : AF_UNSPEC;
}

/** `0.0.0.0/0` or `::/0`. */
export function everything(version: IpVersion): string {
  return version === 4 ? '0.0.0.0/0' : '::/0';
}

/** Bytes of `aa:bb:cc:dd:ee:ff`. Throws TypeError. */
export function parseMac(text: string): Uint8Array {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) throw new TypeError(`"${text}" is not a MAC address; write aa:bb:cc:dd:ee:ff`);
  return Buffer.from(text.replaceAll(':', ''), 'hex');
}

/** Text of a link layer address, whatever its length. */
export function formatMac(bytes: Uint8Array): string {
  return Array.from(bytes, (octet) => octet.toString(16).padStart(2, '0')).join(':');
}
