import { createNamespace, Netlink, openNamespace } from '@weir/kernel';

const SWITCH = 'switch0';

/** Addresses of the lab's underlay (RFC 5737 and RFC 3849, documentation): .1 and ::1 are the switch's own, hosts follow from .11 and ::11. */
export const SWITCH_ADDRESSES = { ipv4: '192.0.2.1', ipv6: '2001:db8::1' };

/** @param index of the host, from 1 */
export function hostAddresses(index: number): { ipv4: string; ipv6: string } {
  return { ipv4: `192.0.2.${10 + index}`, ipv6: `2001:db8::${10 + index}` };
}

/** Makes the namespace in which a bridge joins the hosts. No link of it is in the machine's own namespace. */
export function makeSwitch(namespace: string): void {
  createNamespace(namespace);
  using netlink = Netlink.open({ namespace });
  netlink.setLink('lo', { up: true });
  netlink.addBridge({ name: SWITCH, up: true });
  netlink.addAddress(SWITCH, `${SWITCH_ADDRESSES.ipv4}/24`);
  netlink.addAddress(SWITCH, `${SWITCH_ADDRESSES.ipv6}/64`, { noDad: true });
}

/** Makes a host's namespace with one link, eth0, to the switch, which is its default gateway. */
export function makeHostNetwork(options: { namespace: string; switchNamespace: string; name: string; index: number }): void {
  createNamespace(options.namespace);
  using switchSide = Netlink.open({ namespace: options.switchNamespace });
  using target = openNamespace(options.namespace);
  switchSide.addVeth({ name: options.name, up: true, peer: { name: 'eth0', namespace: target } });
  switchSide.setLink(options.name, { master: SWITCH });
  using hostSide = Netlink.open({ namespace: target });
  const { ipv4, ipv6 } = hostAddresses(options.index);
  hostSide.setLink('lo', { up: true });
  hostSide.setLink('eth0', { up: true });
  hostSide.addAddress('eth0', `${ipv4}/24`);
  hostSide.addAddress('eth0', `${ipv6}/64`, { noDad: true });
  hostSide.addRoute({ destination: '0.0.0.0/0', via: SWITCH_ADDRESSES.ipv4, link: 'eth0' });
  hostSide.addRoute({ destination: '::/0', via: SWITCH_ADDRESSES.ipv6, link: 'eth0' });
}
