/**
 * What a Mesos agent tells, as far as it is used; other fields pass through. `/state` (slave/http.cpp) has the containers of executors,
 * but of queued tasks no labels; the operator API's GET_TASKS (v1/agent/agent.proto) has the labels of each, but no container of an executor.
 */
import { z } from 'zod';

const labels = z.array(z.looseObject({ key: z.string(), value: z.string().default('') }));
const wrappedLabels = z.looseObject({ labels: labels.default([]) });
const id = z.looseObject({ value: z.string() });

const executorSchema = z.looseObject({
  id: z.string(),
  container: z.string(),
  role: z.string().optional(),
  labels: labels.default([]),
  /** `DEFAULT`: an executor of task groups, such as Marathon's pods. */
  type: z.string().optional(),
});

export const stateSchema = z.looseObject({
  frameworks: z
    .array(
      z.looseObject({
        id: z.string(),
        name: z.string().default(''),
        executors: z.array(executorSchema).default([]),
      }),
    )
    .default([]),
});

const portSchema = z.looseObject({
  number: z.int().min(0).max(65535),
  name: z.string().optional(),
  protocol: z.string().optional(),
  labels: wrappedLabels.prefault({}),
});

const statusSchema = z.looseObject({
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

export const taskSchema = z.looseObject({
  task_id: id,
  framework_id: id,
  /** Absent of a task without an executor of its own: Mesos gives it one under the task's id. */
  executor_id: id.optional(),
  labels: wrappedLabels.prefault({}),
  discovery: z.looseObject({ ports: z.looseObject({ ports: z.array(portSchema).default([]) }).prefault({}) }).optional(),
  statuses: z.array(statusSchema).default([]),
});

export const getTasksSchema = z.looseObject({
  get_tasks: z.looseObject({
    queued_tasks: z.array(taskSchema).default([]),
    launched_tasks: z.array(taskSchema).default([]),
  }),
});

export type MesosState = z.output<typeof stateSchema>;
export type MesosTask = z.output<typeof taskSchema>;

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
export function containersOf(state: MesosState, tasks: readonly MesosTask[]): Map<string, MesosContainer> {
  const byExecutor = Map.groupBy(tasks, (task) => `${task.framework_id.value}\0${(task.executor_id ?? task.task_id).value}`);
  const containers = new Map<string, MesosContainer>();
  for (const framework of state.frameworks) {
    for (const { id: executorId, container: containerId, labels: own, role } of framework.executors) {
      const found = byExecutor.get(`${framework.id}\0${executorId}`) ?? [];
      const inOrder = found.toSorted((left, right) => (left.task_id.value < right.task_id.value ? -1 : 1));
      const common = { framework: framework.name, role, executorId };
      containers.set(containerId, { ...common, containerId, labels: own, tasks: inOrder });
      for (const task of inOrder) {
        const nested = nestedContainerOf(task);
        if (nested !== undefined && nested !== containerId)
          containers.set(nested, { ...common, containerId: nested, labels: own, tasks: [task] });
      }
    }
  }
  return containers;
}

function nestedContainerOf({ statuses }: MesosTask): string | undefined {
  const given = statuses.findLast(({ container_status }) => container_status?.container_id !== undefined);
  return given && idText(given.container_status!.container_id!);
}

function idText({ value, parent }: ContainerId): string {
  return parent === undefined ? value : `${idText(parent)}.${value}`;
}

/** By the last status of each task that says so; undefined when none does. */
export function healthOf(tasks: readonly MesosTask[]): boolean | undefined {
  const told = tasks.map(({ statuses }) => statuses.findLast(({ healthy }) => healthy !== undefined)?.healthy);
  const known = told.filter((healthy) => healthy !== undefined);
  return known.length === 0 ? undefined : known.every(Boolean);
}
