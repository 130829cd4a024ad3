/** Follows Marathon for the cluster while this host leads: one agent does, whichever it is. */
import type { ObjectStore, Store } from '@weir/datastore';
import { MarathonClient } from '@weir/mesos';
import type { Endpoint } from '@weir/resources';
import type { AgentConfig } from '../config.ts';
import { whileLeading } from '../hosts/election.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { MarathonFollower } from './marathon-follower.ts';

/** Until the signal. Does nothing where no Marathon is configured. */
export async function followMarathon(
  of: { config: AgentConfig; store: Store; objects: ObjectStore; log: Logger; metrics: Metrics; endpoints: () => Iterable<Endpoint> },
  signal: AbortSignal,
): Promise<void> {
  const { config, store, objects, log, metrics, endpoints } = of;
  const { marathon, host, presenceTtl } = config;
  if (marathon === undefined) return;
  await whileLeading({ store, name: 'marathon', host, ttlSeconds: presenceTtl, signal, log }, async (lead) => {
    metrics.marathonLeading.set(1);
    const follower = new MarathonFollower({ store, objects, client: new MarathonClient(marathon), log, metrics, endpoints });
    await follower.follow({ intervalSeconds: marathon.interval, signal: lead });
    metrics.marathonLeading.set(0);
  });
}
