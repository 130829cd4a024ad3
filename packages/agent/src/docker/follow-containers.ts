/** Keeps the endpoints of Docker's containers in step with what the engine says: their labels, and whether they are there at all. */
import { StoreError } from '@weir/datastore';
import { type DockerClient, DockerError, type DockerOwner, isOfDocker, joinContainer } from '@weir/docker';
import type { Held } from '@weir/ipam';
import { type Endpoint, ValidationError } from '@weir/resources';
import { type Attachments, ownerKey } from '../calls/attachments.ts';
import type { Enforcement } from '../calls/enforcement.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { Pause } from '../pause.ts';
import { Absences } from './absences.ts';

/** Between two looks while labels are awaited, in milliseconds; twice as long each time, up to the usual interval. */
const EAGER_INTERVAL = 25;

export interface ContainerFollower {
  client: Pick<DockerClient, 'network' | 'container'>;
  enforcement: Enforcement;
  attachments: Attachments;
  /** Everything that this host holds. Throws StoreError. */
  held(): Promise<Held[]>;
  release(owner: DockerOwner, sequences: number[]): Promise<unknown>;
  /** Removes all that a container left: policy first, then its link, then its address. */
  collect: (endpoint: Endpoint) => Promise<void>;
  /** How long the engine has to deny an endpoint, and an address to be without one, before they are collected, in milliseconds. */
  grace: number;
  /** Whether the Mesos agent is asked for the labels of its tasks. */
  asksMesos: boolean;
  /** Told that there is a task whose labels are awaited from the Mesos agent. */
  onTask: () => void;
  /** Told why the engine cannot be asked; undefined: it can. */
  onState: (problem: string | undefined) => void;
  log: Logger;
  metrics: Pick<Metrics, 'orphansRemoved'>;
}

/** What a look needs to know of the ones before. */
interface Memory {
  denied: Absences;
  unowned: Absences;
  /** When addresses were looked at last, in milliseconds. */
  lookedAt: number;
  told: Set<string>;
}

/**
 * Until the signal.
 * @param options.begun resolves when an endpoint was made, each time anew
 */
export async function followContainers(
  follower: ContainerFollower,
  options: { intervalSeconds: number; begun: () => Promise<void>; signal: AbortSignal },
): Promise<void> {
  const { intervalSeconds, begun, signal } = options;
  const usual = intervalSeconds * 1000;
  const memory: Memory = { denied: new Absences(), unowned: new Absences(), lookedAt: Number.NEGATIVE_INFINITY, told: new Set() };
  const pause = new Pause();
  let eager = EAGER_INTERVAL;
  const listen = async (): Promise<void> => {
    await begun();
    eager = EAGER_INTERVAL;
    pause.cut();
    if (!signal.aborted) void listen();
  };
  void listen();
  while (!signal.aborted) {
    const waits = await lookOnce(follower, memory, usual);
    await pause.for(waits ? Math.min(eager, usual) : usual, signal);
    eager = waits ? Math.min(eager * 2, usual) : EAGER_INTERVAL;
  }
}

/** @returns whether labels are still awaited */
async function lookOnce(follower: ContainerFollower, memory: Memory, usual: number): Promise<boolean> {
  const { enforcement, onState, log } = follower;
  const ofDocker = () => enforcement.stored.filter(({ spec }) => spec.docker !== undefined);
  try {
    await joinAll(follower, memory, ofDocker());
    onState(undefined);
    if (performance.now() - memory.lookedAt >= usual) {
      memory.lookedAt = performance.now();
      await releaseUnowned(follower, memory.unowned);
    }
  } catch (error) {
    if (!(error instanceof DockerError || error instanceof StoreError)) throw error;
    memory.denied.forget();
    if (error instanceof DockerError) onState(error.message);
    else log.warn({ error: error.message }, 'looking for addresses without a container was cut short');
  }
  return ofDocker().some(({ spec }) => spec.docker!.container === undefined);
}

async function joinAll(follower: ContainerFollower, memory: Memory, endpoints: readonly Endpoint[]): Promise<void> {
  const containers = new Map<string, string | undefined>();
  for (const network of new Set(endpoints.map(({ spec }) => spec.docker!.network))) {
    for (const [endpoint, container] of (await follower.client.network(network))?.endpoints ?? []) containers.set(endpoint, container);
  }
  for (const endpoint of endpoints) {
    const { docker } = endpoint.spec;
    const container = containers.get(docker!.endpoint);
    if (container !== undefined && docker!.container === undefined) await joinOne(follower, endpoint, container, memory.told);
  }
  const missing = endpoints.filter(({ spec }) => !containers.has(spec.docker!.endpoint));
  const overdue = memory.denied.overdue(
    missing.map(({ spec }) => ownerKey(spec)),
    follower.grace,
  );
  for (const endpoint of missing) if (overdue.has(ownerKey(endpoint.spec))) await collectOne(follower, endpoint);
}

async function joinOne(follower: ContainerFollower, endpoint: Endpoint, containerId: string, told: Set<string>): Promise<void> {
  const { client, enforcement, attachments, asksMesos, onTask, log } = follower;
  const container = await client.container(containerId);
  if (container === undefined) return;
  try {
    await attachments.run(endpoint.spec, () => enforcement.amend(endpoint.spec, (now) => joinContainer(now, container, { asksMesos })));
    told.delete(containerId);
    if (asksMesos) onTask();
  } catch (error) {
    // Changed by somebody else, or the store is away: the next look sees it anew. What cannot be made valid stays as it was, closed if it waits.
    if (!(error instanceof StoreError || error instanceof ValidationError)) throw error;
    if (!told.has(containerId))
      log.warn({ container: container.name, error: error.message }, 'the labels of a container could not be joined; trying again');
    told.add(containerId);
  }
}

async function collectOne({ attachments, collect, log, metrics }: ContainerFollower, endpoint: Endpoint): Promise<void> {
  const { containerId, interfaceName, docker, network } = endpoint.spec;
  if (attachments.isBusy(endpoint.spec)) return;
  log.info({ endpoint: endpoint.metadata.name, container: docker!.name, network }, 'collecting an endpoint that Docker no longer knows');
  metrics.orphansRemoved.inc({ kind: 'container' });
  try {
    await attachments.run({ containerId, interfaceName }, () => collect(endpoint));
  } catch (error) {
    // The store is away, or the kernel refuses: what is left of it belongs to nothing by then, and reconciliation finds it.
    log.warn({ endpoint: endpoint.metadata.name, error: (error as Error).message }, 'collecting was cut short');
  }
}

/** Addresses that Docker asked for and made no endpoint with, or did not give back. */
async function releaseUnowned(follower: ContainerFollower, unowned: Absences): Promise<void> {
  const { enforcement, attachments, held, release, grace, log, metrics } = follower;
  const known = new Set(enforcement.stored.map(({ spec }) => ownerKey(spec)));
  const all = (await held()).filter((one) => isOfDocker(one) && !known.has(ownerKey(one)) && !attachments.isBusy(one));
  const overdue = unowned.overdue(
    all.map(({ sequence, ...one }) => `${ownerKey(one)}\0${sequence}`),
    grace,
  );
  for (const { containerId, interfaceName, address, sequence } of all) {
    const owner = { containerId, interfaceName };
    if (!overdue.has(`${ownerKey(owner)}\0${sequence}`)) continue;
    log.info({ address }, 'giving back an address that Docker made no endpoint with');
    metrics.orphansRemoved.inc({ kind: 'address' });
    await attachments.run(owner, async () => {
      if ((await enforcement.find(owner)) === undefined) await release(owner, [sequence]);
    });
  }
}
