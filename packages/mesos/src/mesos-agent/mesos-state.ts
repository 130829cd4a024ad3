/** The containers of a Mesos agent and the tasks in them, whichever of its interfaces told of them (operator-api.ts, state-endpoint.ts). */
import { z } from 'zod';

export const labelsSchema = z.array(z.looseObject({ key: z.string(), value: z.string().default('') }));
const wrappedLabels = z.looseObject({ labels: labelsSchema.default([]) });
const id = z.looseObject({ value: z.string() });

const portSchema = z.looseObject({
  number: z.int().min(0).max(65535),
  name: z.string().optional(),
  protocol: z.string().optional(),
  labels: wrappedLabels.prefault({}),
});

export const discoverySchema = z.looseObject({ ports: z.looseObject({ ports: z.array(portSchema).default([]) }).prefault({}) });

export const statusSchema = z.looseObject({
  timestamp: z.number().optional(),
  healthy: z.boolean().optional(),
  container_status: z
    .looseObject({ container_id: z.looseObject({ value: z.string(), parent: z.lazy(() => containerIdSchema).optional() }).optional() })
    .optional(),
});

interface ContainerId {
  value: string;
  parent?: ContainerId | undefined;
}
const containerIdSchema: z.ZodType<ContainerId> = z.looseObject({ value: z.string(), parent: z.lazy(() => containerIdSchema).optional() });

/** Task of mesos/v1/mesos.proto. */
export const taskSchema = z.looseObject({
  task_id: id,
  framework_id: id,
  /** Absent of a task without an executor of its own: Mesos gives it one under the task's id. */
  executor_id: id.optional(),
  labels: wrappedLabels.prefault({}),
  discovery: discoverySchema.optional(),
  container: z
    .looseObject({
      type: z.string().optional(),
      network_infos: z.array(z.looseObject({ labels: wrappedLabels.prefault({}) })).default([]),
    })
    .optional(),
  statuses: z.array(statusSchema).default([]),
  /** Present when Mesos checks its health. */
  health_check: z.unknown().optional(),
});

export type MesosTask = z.output<typeof taskSchema>;

/** An executor and the container that it runs in. */
export interface MesosExecutor {
  frameworkId: string;
  /** Name of the framework. */
  framework: string;
  executorId: string;
  containerId: string;
  role: string | undefined;
  labels: { key: string; value: string }[];
}

/** A container that the agent runs, with the tasks in it. */
export interface MesosContainer {
  /** As CNI_CONTAINERID has it: `parent.child` when nested. */
  containerId: string;
  framework: string;
  role: string | undefined;
  executorId: string;
  /** Of the executor: a pod's own. */
  labels: { key: string; value: string }[];
  /** By id. In the container of a pod's executor all of the pod. */
  tasks: MesosTask[];
}

/** Pure: containers by id, nested ones with a task of their own too. */
export function containersOf(executors: readonly MesosExecutor[], tasks: readonly MesosTask[]): Map<string, MesosContainer> {
  const byExecutor = Map.groupBy(tasks, (task) => executorKey(task.framework_id.value, (task.executor_id ?? task.task_id).value));
  const containers = new Map<string, MesosContainer>();
  for (const { frameworkId, ...executor } of executors) {
    const found = byExecutor.get(executorKey(frameworkId, executor.executorId)) ?? [];
    const inOrder = found.toSorted((left, right) => (left.task_id.value < right.task_id.value ? -1 : 1));
    containers.set(executor.containerId, { ...executor, tasks: inOrder });
    for (const task of inOrder) {
      const nested = nestedContainerOf(task);
      if (nested !== undefined && nested !== executor.containerId)
        containers.set(nested, { ...executor, containerId: nested, tasks: [task] });
    }
  }
  return containers;
}

/** Executors of different frameworks may have the same id. */
export function executorKey(frameworkId: string, executorId: string): string {
  return `${frameworkId}\0${executorId}`;
}

function nestedContainerOf({ statuses }: MesosTask): string | undefined {
  const given = statuses.findLast(({ container_status }) => container_status?.container_id !== undefined);
  return given && idText(given.container_status!.container_id!);
}

function idText({ value, parent }: ContainerId): string {
  return parent === undefined ? value : `${idText(parent)}.${value}`;
}

/** By the last status of each task that says so; undefined when none is checked. One that is, is not healthy before its first result. */
export function healthOf(tasks: readonly MesosTask[]): boolean | undefined {
  const told = tasks.map(
    ({ statuses, health_check }) =>
      statuses.findLast(({ healthy }) => healthy !== undefined)?.healthy ?? (health_check === undefined ? undefined : false),
  );
  const known = told.filter((healthy) => healthy !== undefined);
  return known.length === 0 ? undefined : known.every(Boolean);
}
