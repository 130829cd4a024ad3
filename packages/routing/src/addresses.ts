/** The fixed and derived addresses of a container's link. Pure. */
import { hash } from 'node:crypto';

/** rtnetlink's protocol number of the routes that Weir makes (`ip route show proto 121`). No daemon known to /etc/iproute2/rt_protos has it. */
export const ROUTE_PROTOCOL = 121;

/** The same of BIRD (RTPROT_BIRD, linux/rtnetlink.h), which the agent has write what it learns by BGP. */
export const BIRD_PROTOCOL = 12;

/**
 * A container's gateway. It is the same in each, as it never leaves the link: the neighbour entry tells where it is, and no interface
 * has it, but for those of containers whose neighbours are others' doing (`LinkRequest.namespace`).
 */
export const GATEWAY4 = '169.254.1.1';

/** The same for IPv6; every host interface has this one, since a link-local address may stand on every link. */
export const GATEWAY6 = 'fe80::1';

/**
 * Where a host answers its containers' DNS, and the host itself: link-local beside the gateway's address, so that no network outside can have
 * it, and every container's default route leads there.
 */
export const DNS4 = '169.254.1.53';

/**
 * The same for IPv6. A link-local address would be another one on every link, and resolv.conf would have to name the link; this one is of the
 * unique local addresses (RFC 4193) with "weir" in ASCII as its global id, and leaves no host either.
 */
export const DNS6 = 'fd77:6569:7200::53';

/** Hardware address of every host interface. They are links of two ends, so that no two of them ever meet; and a container restored elsewhere still knows its gateway. */
export const HOST_MAC = 'ee:ee:ee:ee:ee:ee';

/** A container's hardware address, made from the host interface's name, so that it is known without being stored. */
export const containerMac = (hostInterface: string): string => macFrom(hash('sha256', hostInterface, 'buffer'));

/** A hardware address out of a hash: locally administered and unicast (IEEE 802, second and lowest bit of the first byte). */
export function macFrom(hash: Buffer): string {
  const bytes = Buffer.from(hash.subarray(0, 6));
  bytes[0] = (bytes[0]! & 0b1111_1100) | 0b10;
  return bytes.toString('hex').match(/../g)!.join(':');
}

/** The link-local address that a hardware address gives: modified EUI-64, RFC 4291 appendix A. */
export function linkLocalAddress(mac: string): string {
  const [a, b, c, d, e, f] = mac.split(':').map((byte) => Number.parseInt(byte, 16)) as [number, number, number, number, number, number];
  const groups = [((a ^ 0b10) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f];
  return `fe80::${groups.map((group) => group.toString(16)).join(':')}`;
}

/** `10.65.0.7` → `10.65.0.7/32`, `fd00::7` → `fd00::7/128`. */
export const hostPrefix = (address: string): string => `${address}/${address.includes(':') ? 128 : 32}`;
