/**
 * When IPv6 addresses are of use. An address without duplicate address detection is there at once, but the kernel makes the route that takes
 * its packets in on a work queue (addrconf_dad_work of net/ipv6/addrconf.c), which waits for the lock of all network configuration: on a busy
 * host for tens of milliseconds. Until then what is sent to the address is lost, and the sender tries again a second later.
 */
import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import type { LinkReference, Netlink } from '@weir/kernel';

/** Addresses, and the links that they are on. */
export type Placed = readonly { netlink: Netlink; link: LinkReference; addresses: readonly string[] }[];

/** A link whose addresses are not of use by then is of use without; ms. */
const PATIENCE = 1_000;
/** Looks before the processor is left to others for longer. */
const EAGER = 20;

/** Resolves when packets to all of the addresses are taken in. */
export async function settleIpv6(placed: Placed): Promise<void> {
  const tooLate = performance.now() + PATIENCE;
  for (let looks = 1; !areTakenIn(placed) && performance.now() < tooLate; looks++) {
    if (looks < EAGER) await setImmediate();
    else await delay(1);
  }
}

/** The same, for who cannot await. */
export function settleIpv6Sync(placed: Placed): void {
  const tooLate = performance.now() + PATIENCE;
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  while (!areTakenIn(placed) && performance.now() < tooLate) Atomics.wait(nothing, 0, 0, 1);
}

const areTakenIn = (placed: Placed): boolean =>
  placed.every(({ netlink, link, addresses }) => addresses.every((address) => netlink.takesIn(link, address)));
