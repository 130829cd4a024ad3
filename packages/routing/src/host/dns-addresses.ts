import { KernelError, type Netlink } from '@weir/kernel';
import { DNS4, DNS6, hostPrefix } from '../addresses.ts';

const LOOPBACK = 'lo';

/**
 * Gives the host the addresses of its DNS server: on the loopback, where they are nobody's neighbour. Neither is ever the source of what the
 * host itself sends: the one is of link scope, the other deprecated. Cheap to call again. Throws KernelError.
 *
 * @returns those that the host has: without IPv6, one
 */
export function dnsAddresses(netlink: Netlink): string[] {
  const present = presentOf(netlink);
  return [DNS4, DNS6].filter((address) => {
    if (present.has(hostPrefix(address))) return true;
    try {
      netlink.addAddress(LOOPBACK, hostPrefix(address), address === DNS4 ? { scope: 'link' } : { noDad: true, deprecated: true });
      return true;
    } catch (error) {
      // IPv6 is not in the kernel, or switched off for the loopback.
      if (address === DNS6 && error instanceof KernelError) return false;
      throw error;
    }
  });
}

/** Takes them away, where an agent had a DNS server before. Throws KernelError. */
export function removeDnsAddresses(netlink: Netlink): void {
  const present = presentOf(netlink);
  for (const cidr of [DNS4, DNS6].map(hostPrefix)) if (present.has(cidr)) netlink.deleteAddress(LOOPBACK, cidr);
}

function presentOf(netlink: Netlink): Set<string> {
  return new Set(netlink.addresses({ link: LOOPBACK }).map(({ cidr }) => cidr));
}
