/** What the host's kernel must be told once, so that it forwards between containers and the network, and counts what it forwards. */
import { existsSync, readdirSync } from 'node:fs';
import { sysctl } from '@weir/kernel';

const COUNTING = 'net/netfilter/nf_conntrack_acct';

/**
 * Has the kernel count packets and bytes of the flows that begin from now on. A kernel that tracks no flows yet cannot be told: the agent
 * tries again when its table is there. Throws KernelError.
 *
 * @returns whether that was changed
 */
export function countFlows(): boolean {
  if (!existsSync(`/proc/sys/${COUNTING}`) || sysctl(COUNTING) !== '0') return false;
  sysctl(COUNTING, 1);
  return true;
}

/**
 * Switches forwarding on, and the counting of flows, for both families as far as the kernel has them, in the namespace that the process is in. Cheap to call again.
 * Throws KernelError.
 *
 * @returns the parameters that were set
 */
export function hostSetup(): string[] {
  const done = countFlows() ? ['net.netfilter.nf_conntrack_acct'] : [];
  if (sysctl('net/ipv4/ip_forward') !== '1') {
    sysctl('net/ipv4/ip_forward', 1);
    done.push('net.ipv4.ip_forward');
  }
  if (!existsSync('/proc/sys/net/ipv6/conf/all/forwarding')) return done;
  if (sysctl('net/ipv6/conf/all/forwarding') === '1') return done;
  // A kernel that forwards no longer hears router advertisements, and a host that has its address and default route from them
  // would lose both: 2 says to go on listening. Links made later keep the default, so that no container can advertise itself as a router.
  for (const link of readdirSync('/proc/sys/net/ipv6/conf')) {
    const name = `net/ipv6/conf/${link}/accept_ra`;
    if (link !== 'all' && link !== 'default' && sysctl(name) === '1') sysctl(name, 2);
  }
  sysctl('net/ipv6/conf/all/forwarding', 1);
  return [...done, 'net.ipv6.conf.all.forwarding'];
}
