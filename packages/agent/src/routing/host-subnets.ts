/** The subnets of this host's addresses, as its links have them. */
import { Netlink } from '@weir/kernel';
import { parseCidrClearingHostBits } from '@weir/resources';

/** Of the namespace that the process is in. An address that no link has (behind NAT, say) has no subnet. */
export function hostSubnets(addresses: readonly string[]): string[] {
  using netlink = Netlink.open();
  const subnets = netlink
    .addresses()
    .flatMap(({ cidr }) => (addresses.includes(cidr.slice(0, cidr.indexOf('/'))) ? [parseCidrClearingHostBits(cidr)] : []));
  return [...new Set(subnets)].sort();
}
