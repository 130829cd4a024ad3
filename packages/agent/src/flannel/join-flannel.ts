/** The flannel network of this host's configuration, or what an earlier agent left of one. */
import { join } from 'node:path';
import type { Netlink } from '@weir/kernel';
import { flannelLink, flannelMac } from '@weir/routing';
import type { ClusterState } from '../cluster-state.ts';
import type { AgentConfig } from '../config.ts';
import type { Logger } from '../log.ts';
import { FlannelEnds } from './flannel-ends.ts';
import { leaveFlannel } from './leave.ts';
import { FlannelMembership } from './membership.ts';

export interface Flannel {
  membership: FlannelMembership;
  ends: FlannelEnds;
}

/** @param of.onChange has routing applied */
export function joinFlannel(of: {
  config: AgentConfig;
  state: ClusterState;
  netlink: Netlink;
  log: Logger;
  onChange: () => void;
}): Flannel | undefined {
  const { config, state, netlink, log, onChange } = of;
  const path = join(config.runDir, 'flannel.json');
  if (config.flannel === undefined) {
    const removed = leaveFlannel(path, netlink);
    if (removed.length > 0) log.info({ removed }, 'this host is to be in no flannel network any more');
    return undefined;
  }
  const membership = new FlannelMembership({
    config: config.flannel,
    path,
    addresses: () => state.host?.spec.addresses ?? [],
    previous: () => state.host?.spec.flannel?.subnets ?? [],
    // The one of an interface that is there stays: hosts that know it go on sending to it while flanneld makes place for this agent.
    macOf: (vni, family) => {
      const present = netlink.link(flannelLink(vni, family));
      return (present?.kind === 'vxlan' ? present.mac : undefined) ?? flannelMac(config.host, flannelLink(vni, family));
    },
    onChange,
    log,
  });
  membership.load();
  return { membership, ends: new FlannelEnds({ config, membership, state, netlink, log }) };
}
