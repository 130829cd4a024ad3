/**
 * Removes what orphans.ts finds: endpoints, addresses and links of containers that are gone.
 *
 * An address is freed without a grace time: a namespace that is gone does not come back, its runtime has it there before ADD, and calls under
 * way and what the owner was given since are left alone. What the Mesos agent says is less certain, and has one (unknown-containers.ts); packets
 * that are still on their way are what the rest of a freed address is for (IpamConfig, cooldownSeconds).
 */
import { statfsSync } from 'node:fs';
import { GUARDED_PREFIX } from '@weir/cni';
import type { Allocator } from '@weir/ipam';
import { type Attachments, type Owner, ownerKey } from '../calls/attachments.ts';
import type { Enforcement } from '../calls/enforcement.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { HostLinks } from '../routing/host-links.ts';
import { findOrphans } from './orphans.ts';

export interface Collector {
  enforcement: Enforcement;
  allocator: Allocator;
  links: HostLinks;
  attachments: Attachments;
  log: Logger;
  metrics: Metrics;
}

/** Throws the store's or the kernel's error; what was not collected then is found again the next time. */
export async function collectOrphans(collector: Collector): Promise<void> {
  const { enforcement, allocator, links, attachments, log, metrics } = collector;
  const held = await allocator.held();
  // All else is seen at one moment, with nothing awaited between: an ADD may begin and end meanwhile.
  const orphans = findOrphans(
    {
      endpoints: enforcement.stored,
      links: links.names(),
      held,
      isNamespace,
      isBusy: (owner) => attachments.isBusy(owner),
    },
    GUARDED_PREFIX,
  );
  // First of all, since collecting makes the owners busy. A link says nothing of its owner, so it can only be told from one in the making
  // while nothing is made; and an ADD that came meanwhile may have made it anew.
  for (const link of orphans.links) {
    if (attachments.busy > 0 || enforcement.stored.some(({ spec }) => spec.hostInterface === link)) continue;
    log.info({ link }, 'removing an interface that no endpoint knows');
    metrics.orphansRemoved.inc({ kind: 'link' });
    await links.remove(link);
  }
  // In the line of the owner's calls, so that an ADD that comes now waits for it.
  const collect = (kind: string, { containerId, interfaceName }: Owner, remove: () => Promise<unknown>): Promise<unknown> => {
    log.info({ kind, containerId, interfaceName }, 'collecting what its container left behind');
    metrics.orphansRemoved.inc({ kind });
    return attachments.run({ containerId, interfaceName }, remove);
  };
  for (const endpoint of orphans.endpoints) {
    await collect('endpoint', endpoint.spec, async () => {
      if (links.has(endpoint.spec.hostInterface)) return; // an ADD was faster
      await enforcement.withdraw(endpoint.spec);
      await enforcement.remove(endpoint);
      await allocator.release(endpoint.spec);
    });
  }
  for (const owner of orphans.owners) {
    // Those that were seen, and none that the owner was given since.
    const sequences = held.filter((one) => ownerKey(one) === ownerKey(owner)).map(({ sequence }) => sequence);
    await collect('address', owner, async () => {
      if ((await enforcement.find(owner)) === undefined) await allocator.release(owner, { sequences });
    });
  }
}

/** statfs(2) of a mounted namespace (linux/magic.h). */
const NSFS_MAGIC = 0x6e736673;

/** False for a path that is gone, and for the plain file that stays of a mount after a reboot; true where that cannot be told. */
function isNamespace(path: string): boolean {
  try {
    return statfsSync(path).type === NSFS_MAGIC;
  } catch (error) {
    return !['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
  }
}
