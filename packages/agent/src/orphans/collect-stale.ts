/** A network's garbage, as a runtime's GC sees it: attachments that the runtime does not know any more. */
import type { Collection, ResultCache } from '@weir/cni';
import type { Allocator } from '@weir/ipam';
import { type Attachments, type Owner, ownerKey } from '../calls/attachments.ts';
import type { Enforcement } from '../calls/enforcement.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { HostLinks } from '../routing/host-links.ts';

export interface StaleCollector {
  enforcement: Pick<Enforcement, 'stored'>;
  allocator: Allocator;
  results: Pick<ResultCache, 'attachments'>;
  links: Pick<HostLinks, 'owners'>;
  attachments: Attachments;
  log: Logger;
  metrics: Metrics;
}

/**
 * An attachment that is in the making is not in the runtime's list yet, and one that was just made is not either: who had a call under way
 * when this began, or since, is left alone.
 * @throws the only failure, or an AggregateError of them, after everything was tried
 */
export async function collectStale({ network, isStale, remove }: Collection, collector: StaleCollector): Promise<void> {
  const { enforcement, allocator, results, links, attachments, log, metrics } = collector;
  using calls = attachments.watch();
  const held = (await allocator.held()).filter((one) => one.network === network);
  const endpoints = enforcement.stored.map(({ spec }) => spec).filter((spec) => spec.network === network);
  const owners = new Map<string, Owner>();
  const linked = links.owners().filter((owner) => owner.network === network);
  for (const { containerId, interfaceName } of [...held, ...endpoints, ...linked, ...results.attachments(network)]) {
    const owner = { containerId, interfaceName };
    owners.set(ownerKey(owner), owner);
  }
  const failures: unknown[] = [];
  for (const owner of owners.values()) {
    if (!isStale(owner) || calls.had(owner)) continue;
    log.info({ network, ...owner }, 'removing what its runtime does not know');
    metrics.orphansRemoved.inc({ kind: 'stale' });
    await attachments.run(owner, () => remove(owner)).catch((error) => failures.push(error));
  }
  if (failures.length > 0) throw failures.length === 1 ? failures[0] : new AggregateError(failures, failures.map(messageOf).join('; '));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
