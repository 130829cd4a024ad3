/** What runs, or is to run, and where. */
import type { MarathonApp, MarathonPod, MarathonTask } from '@weir/mesos';
import type { Container, ContainerRequest } from '../container/containerizer.ts';
import type { LaunchPlan } from './launch-plan.ts';
import type { TaskInfo } from './task-info.ts';

/** Where tasks run: a Mesos agent. */
export interface TaskAgent {
  readonly name: string;
  /** A task under a command executor. */
  launch(task: TaskInfo, request: Omit<ContainerRequest, 'containerId'>): Promise<Container>;
  /** A task group under a default executor. `exit` is that of the first of its containers that ends. */
  launchGroup(plan: LaunchPlan & { executor: object }): Promise<Container>;
  destroy(containerId: string): Promise<void>;
}

/** A running, or coming, instance of an app or a pod. */
export interface Instance {
  /** `shop_web.instance-<uuid>` */
  id: string;
  version: string;
  agent: TaskAgent;
  plan: LaunchPlan;
  state: MarathonTask['state'];
  stagedAt: string;
  startedAt: string | null;
  addresses: MarathonTask['ipAddresses'];
  container: Container | undefined;
  /** What its health checks found last; undefined before the first. */
  alive?: boolean;
}

export interface Scheduled<Definition extends MarathonApp | MarathonPod = MarathonApp | MarathonPod> {
  definition: Definition;
  version: string;
  instances: Instance[];
  deployments: Set<string>;
  failures: number;
  lastTaskFailure?: { message: string; taskId: string; state: string };
  /** The end of the queue of changes: one at a time. */
  work: Promise<void>;
  backoff: NodeJS.Timeout | undefined;
}
