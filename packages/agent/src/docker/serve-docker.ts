/** A Docker engine of this host: its drivers, served, and its containers, followed. */
import type { Services } from '@weir/cni';
import type { Store } from '@weir/datastore';
import { DockerClient, Driver } from '@weir/docker';
import type { Allocator } from '@weir/ipam';
import type { Endpoint } from '@weir/resources';
import type { Attachments, Later } from '../calls/attachments.ts';
import type { Enforcement } from '../calls/enforcement.ts';
import type { ClusterState } from '../cluster-state.ts';
import type { AgentConfig } from '../config.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { HostLinks } from '../routing/host-links.ts';
import { DockerNetworks } from './docker-networks.ts';
import { followContainers } from './follow-containers.ts';
import { servePlugin } from './serve-plugin.ts';

export interface ServeDockerOptions {
  config: NonNullable<AgentConfig['docker']>;
  host: string;
  store: Store;
  state: ClusterState;
  enforcement: Enforcement;
  allocator: Allocator;
  links: HostLinks;
  attachments: Attachments;
  /** What the tools work with, for one call. */
  services: (later: Later) => Services;
  /** Resolves when calls can be served; rejects when that takes too long. */
  untilReady: () => Promise<void>;
  /** Resolves when all that the store has is known. */
  synced: Promise<void>;
  /** See `ContainerFollower`. */
  collect: (endpoint: Endpoint) => Promise<void>;
  asksMesos: boolean;
  onTask: () => void;
  onState: (problem: string | undefined) => void;
  log: Logger;
  metrics: Metrics;
}

/** Names of an engine's networks that are Weir's. Throws DockerError. */
export function dockerNetworks({ socket }: Pick<NonNullable<AgentConfig['docker']>, 'socket'>): Promise<string[]> {
  return new DockerClient({ socketPath: socket }).networksOf('weir');
}

/** Until the signal. */
export async function serveDocker(of: ServeDockerOptions, signal: AbortSignal): Promise<void> {
  const { config, host, store, state, enforcement, allocator, links, attachments, services, untilReady } = of;
  const client = new DockerClient({ socketPath: config.socket });
  const networks = new DockerNetworks({ store, host, client });
  let begun = Promise.withResolvers<void>();
  const driver = new Driver({
    host,
    run: (owner, work, { waits }) =>
      attachments.run(owner, async (later) => {
        if (waits) await untilReady();
        return work(services(later));
      }),
    endpoints: () => state.localEndpoints(),
    held: () => allocator.held(),
    hasLink: ({ spec }) => links.has(spec.hostInterface),
    poolNames: (cidr) => [...state.list('Pool')].filter(({ spec }) => spec.cidr === cidr).map(({ metadata }) => metadata.name),
    network: (id) => networks.find(id),
    forgetNetwork: (id) => networks.forget(id),
    joined: () => {
      begun.resolve();
      begun = Promise.withResolvers();
    },
  });
  const close = await servePlugin({ folder: config.plugins, driver, log: of.log });
  signal.addEventListener('abort', close, { once: true });
  await Promise.race([of.synced, new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))]);
  const release = (...[owner, sequences]: [{ containerId: string; interfaceName: string }, number[]]) =>
    allocator.release(owner, { sequences });
  await followContainers(
    { ...of, client, enforcement, attachments, held: () => allocator.held(), release, grace: config.orphanGrace * 1000 },
    { intervalSeconds: config.interval, begun: () => begun.promise, signal },
  );
}
