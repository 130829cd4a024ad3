/** The file that flanneld leaves for its CNI plugin, usually /run/flannel/subnet.env. Pure. */
import { addressFromNumber, cidrRange } from '@weir/resources';
import type { Subnets } from './lease-choice.ts';
import type { FlannelNetwork } from './network-config.ts';

/** Weir masquerades by the pool's `natOutgoing`, as the file says: the plugin is to do nothing of the kind. */
export function subnetFile({ plans }: FlannelNetwork, { IPv4, IPv6 }: Subnets, mtu: number): string {
  const lines = [
    ...(IPv4 === undefined ? [] : [`FLANNEL_NETWORK=${plans.IPv4.network}`, `FLANNEL_SUBNET=${gatewayIn(IPv4)}`]),
    ...(IPv6 === undefined ? [] : [`FLANNEL_IPV6_NETWORK=${plans.IPv6!.network}`, `FLANNEL_IPV6_SUBNET=${gatewayIn(IPv6)}`]),
    `FLANNEL_MTU=${mtu}`,
    'FLANNEL_IPMASQ=true',
  ];
  return `${lines.join('\n')}\n`;
}

/** The address that flannel's plugin gives its bridge, with the prefix length: `10.5.52.1/24`. */
export function gatewayIn(subnet: string): string {
  const { family, first, prefixLength } = cidrRange(subnet);
  return `${addressFromNumber(first + 1n, family)}/${prefixLength}`;
}
