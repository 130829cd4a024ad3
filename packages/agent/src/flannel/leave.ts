/** What an agent leaves of a flannel network that it is no longer told to join. The lease ends by itself within a day. */
import { rmSync } from 'node:fs';
import type { Netlink } from '@weir/kernel';
import type { Family } from '@weir/resources';
import { flannelLink, removeTunnelDevice } from '@weir/routing';
import { readSaved } from './saved-network.ts';

/** Removes the interfaces that this agent made, and not such as a flanneld has made since. @returns their names */
export function leaveFlannel(path: string, netlink: Netlink): string[] {
  const saved = readSaved(path);
  if (saved === undefined) return [];
  const { own } = saved;
  const removed = (Object.keys(own.ends) as Family[]).filter((family) => {
    const vtep = own.ends[family]?.vtep;
    const name = vtep && flannelLink(vtep.vni, family);
    return name !== undefined && netlink.link(name)?.mac === vtep!.mac && removeTunnelDevice(netlink, name);
  });
  rmSync(path, { force: true });
  return removed.map((family) => flannelLink(own.ends[family]!.vtep!.vni, family));
}
