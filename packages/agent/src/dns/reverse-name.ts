import { type Address, addressFromNumber } from '@weir/resources';

const NAME4 = /^(?:(?:\d{1,2}|1\d\d|2[0-4]\d|25[0-5])\.){4}in-addr\.arpa$/;
const NAME6 = /^(?:[0-9a-f]\.){32}ip6\.arpa$/;

/** The address that a name of the reverse domains is about (RFC 1035 §3.5, RFC 3596 §2.5): `7.0.65.10.in-addr.arpa`. Undefined for others. */
export function addressOfReverseName(name: string): Address | undefined {
  if (NAME4.test(name)) {
    const bytes = name.split('.').slice(0, 4).reverse().map(Number);
    return addressFromNumber(BigInt(bytes.reduce((number, byte) => number * 256 + byte, 0)), 'IPv4');
  }
  if (NAME6.test(name)) return addressFromNumber(BigInt(`0x${name.split('.').slice(0, 32).reverse().join('')}`), 'IPv6');
  return undefined;
}
