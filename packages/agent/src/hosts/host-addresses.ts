/** Finds the addresses by which other hosts reach this one. */
import { isIPv6 } from 'node:net';
import { GUARDED_PREFIX, OPEN_PREFIX } from '@weir/cni';
import { MAIN_TABLE, Netlink } from '@weir/kernel';
import { AgentError } from '../agent-error.ts';

const DEFAULT_DESTINATIONS = { 4: '0.0.0.0/0', 6: '::/0' } as const;

/** Of the namespace that the process is in. @throws AgentError ECONFIG when there is none */
export function hostAddresses(): string[] {
  using netlink = Netlink.open();
  return findHostAddresses(netlink);
}

/** One global address per family: of the interface that the default route leaves by, else of the first interface that has one. */
function findHostAddresses(netlink: Netlink): string[] {
  const isOurs = (name: string): boolean => name.startsWith(GUARDED_PREFIX) || name.startsWith(OPEN_PREFIX);
  const outside = new Set(netlink.links().flatMap(({ name, index }) => (name === 'lo' || isOurs(name) ? [] : [index])));
  const candidates = netlink
    .addresses()
    .filter(({ scope, link }) => scope === 'global' && outside.has(link))
    .map(({ cidr, link }) => ({ address: cidr.split('/')[0]!, link }));
  const routes = netlink.routes({ table: MAIN_TABLE });
  const found = ([4, 6] as const).flatMap((version) => {
    const ofVersion = candidates.filter(({ address }) => isIPv6(address) === (version === 6));
    const exits = routes.filter(({ destination }) => destination === DEFAULT_DESTINATIONS[version]).map(({ link }) => link);
    return (ofVersion.find(({ link }) => exits.includes(link)) ?? ofVersion[0])?.address ?? [];
  });
  if (found.length > 0) return found;
  throw new AgentError('ECONFIG', 'this host has no global address on any interface: set "addresses" in the agent\'s configuration');
}
