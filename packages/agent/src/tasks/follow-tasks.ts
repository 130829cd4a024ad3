/** Keeps the endpoints of this host in step with what the Mesos agent says of their containers. */
import { joinTask, type Task } from '@weir/cni';
import { StoreError } from '@weir/datastore';
import { MesosError, taskOf } from '@weir/mesos';
import { type Endpoint, ValidationError } from '@weir/resources';
import type { Attachments } from '../calls/attachments.ts';
import type { Enforcement } from '../calls/enforcement.ts';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { Pause } from '../pause.ts';
import type { Containers, MesosTasks } from './mesos-tasks.ts';
import type { UnknownContainers } from './unknown-containers.ts';

/** Between two looks while a task is awaited, in milliseconds; twice as long each time, up to the usual interval. */
const EAGER_INTERVAL = 100;

export interface TaskFollower {
  tasks: MesosTasks;
  enforcement: Enforcement;
  attachments: Attachments;
  unknown: UnknownContainers;
  /** Makes what the labels of a task that became known late ask for, and gives the task with what is to be told of that. */
  prepare: (task: Task, endpoint: Endpoint) => Promise<Task>;
  /** Removes all that a container left: policy first, then its link, then its address. */
  collect: (endpoint: Endpoint) => Promise<void>;
  log: Logger;
  metrics: Pick<Metrics, 'tasksAwaited' | 'orphansRemoved'>;
}

/** Until the signal. */
export async function followTasks(follower: TaskFollower, options: { intervalSeconds: number; signal: AbortSignal }): Promise<void> {
  const { intervalSeconds, signal } = options;
  const told = new Set<string>();
  let eager = EAGER_INTERVAL;
  const pause = new Pause();
  const listen = async (): Promise<void> => {
    await follower.tasks.awaited;
    eager = EAGER_INTERVAL;
    pause.cut();
    if (!signal.aborted) void listen();
  };
  void listen();
  while (!signal.aborted) {
    const waits = await followOnce(follower, told);
    const milliseconds = waits ? Math.min(eager, intervalSeconds * 1000) : intervalSeconds * 1000;
    eager = waits ? Math.min(eager * 2, 3_600_000) : EAGER_INTERVAL;
    await pause.for(milliseconds, signal);
  }
}

/** @returns whether a task is still awaited */
export async function followOnce(follower: TaskFollower, told: Set<string>): Promise<boolean> {
  const { tasks, enforcement, unknown, metrics } = follower;
  const ofMesos = () => enforcement.stored.filter(({ spec }) => spec.mesos !== undefined);
  // Of a container that it runs, Docker itself says when it is gone.
  const ofIsolator = () => ofMesos().filter(({ spec }) => spec.docker === undefined);
  try {
    const containers = await tasks.containers();
    for (const endpoint of ofMesos()) await joinOne(follower, endpoint, containers, told);
    for (const endpoint of unknown.overdue(ofIsolator(), containers)) await collectOne(follower, endpoint);
  } catch (error) {
    if (!(error instanceof MesosError)) throw error;
    unknown.forget();
  }
  const waiting = ofMesos().filter(({ spec }) => spec.mesos!.task === undefined).length;
  metrics.tasksAwaited.set(waiting);
  return waiting > 0;
}

async function joinOne(follower: TaskFollower, endpoint: Endpoint, containers: Containers, told: Set<string>): Promise<void> {
  const container = containers.get(endpoint.spec.mesos?.container ?? endpoint.spec.containerId);
  const task = container && taskOf(container);
  if (task === undefined) return;
  const { enforcement, attachments, prepare, log } = follower;
  const { containerId, interfaceName, network, mesos } = endpoint.spec;
  if (mesos!.task !== undefined && mesos!.healthy === task.facts.healthy) return;
  try {
    await attachments.run({ containerId, interfaceName }, async () => {
      const prepared = mesos!.task === undefined ? await prepare(task, endpoint) : task;
      await enforcement.amend({ containerId, interfaceName }, (now) =>
        now.spec.mesos?.task === undefined ? joinTask(now, prepared) : withHealth(now, task.facts.healthy),
      );
    });
    told.delete(containerId);
  } catch (error) {
    // Changed by somebody else, or the store is away: the next round sees it anew. What cannot be made valid stays as it was, closed if it waits.
    if (!(error instanceof StoreError || error instanceof ValidationError)) throw error;
    if (!told.has(containerId))
      log.warn({ containerId, interfaceName, network, error: error.message }, 'the task of an endpoint could not be joined; trying again');
    told.add(containerId);
  }
}

function withHealth(endpoint: Endpoint, healthy: boolean | undefined): Endpoint {
  const { healthy: _, ...mesos } = endpoint.spec.mesos!;
  return { ...endpoint, spec: { ...endpoint.spec, mesos: { ...mesos, ...(healthy !== undefined && { healthy }) } } };
}

async function collectOne({ attachments, collect, log, metrics }: TaskFollower, endpoint: Endpoint): Promise<void> {
  const { containerId, interfaceName, network } = endpoint.spec;
  if (attachments.isBusy(endpoint.spec)) return;
  log.info(
    { endpoint: endpoint.metadata.name, containerId, interfaceName, network },
    'collecting a container that the Mesos agent no longer knows',
  );
  metrics.orphansRemoved.inc({ kind: 'container' });
  try {
    await attachments.run({ containerId, interfaceName }, () => collect(endpoint));
  } catch (error) {
    // The store is away, or the kernel refuses: what is left of it belongs to nothing by then, and reconciliation finds it.
    log.warn({ containerId, interfaceName, error: (error as Error).message }, 'collecting was cut short');
  }
}
