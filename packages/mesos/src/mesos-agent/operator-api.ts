/** Answers of a Mesos agent's operator API v1 (mesos/v1/agent/agent.proto), as far as they are used; other fields pass through. */
import { z } from 'zod';
import { executorKey, labelsSchema, type MesosExecutor, type MesosTask, taskSchema } from './mesos-state.ts';

const id = z.looseObject({ value: z.string() });
const resources = z.array(z.looseObject({ allocation_info: z.looseObject({ role: z.string().optional() }).optional() })).default([]);

/** Containers of executors. Which tasks are in them, it does not tell. */
export const getContainersSchema = z.looseObject({
  get_containers: z.looseObject({
    containers: z.array(z.looseObject({ framework_id: id.optional(), executor_id: id.optional(), container_id: id })).default([]),
  }),
});

/** Frameworks, executors with their labels, tasks with theirs, queued ones too; of containers, only those of tasks that run. */
export const getStateSchema = z.looseObject({
  get_state: z.looseObject({
    get_frameworks: z
      .looseObject({
        frameworks: z
          .array(
            z.looseObject({
              framework_info: z.looseObject({ id: id.optional(), name: z.string().default(''), role: z.string().optional() }),
            }),
          )
          .default([]),
      })
      .prefault({}),
    get_executors: z
      .looseObject({
        executors: z
          .array(
            z.looseObject({
              executor_info: z.looseObject({
                executor_id: id,
                framework_id: id.optional(),
                labels: z.looseObject({ labels: labelsSchema.default([]) }).prefault({}),
                resources,
              }),
            }),
          )
          .default([]),
      })
      .prefault({}),
    get_tasks: z
      .looseObject({
        queued_tasks: z.array(taskSchema.extend({ resources })).default([]),
        launched_tasks: z.array(taskSchema.extend({ resources })).default([]),
      })
      .prefault({}),
  }),
});

/** Pure: both answers together. An executor whose container is not told of is left out: it has none yet, or no more. */
export function readOperatorApi(
  { get_containers }: z.output<typeof getContainersSchema>,
  { get_state }: z.output<typeof getStateSchema>,
): { executors: MesosExecutor[]; tasks: MesosTask[] } {
  const tasks = [...get_state.get_tasks.queued_tasks, ...get_state.get_tasks.launched_tasks];
  const frameworks = new Map(get_state.get_frameworks.frameworks.map(({ framework_info: info }) => [info.id?.value, info]));
  const roles = new Map(
    tasks.map((task) => [executorKey(task.framework_id.value, (task.executor_id ?? task.task_id).value), roleOf(task.resources)]),
  );
  const known = new Map(
    get_state.get_executors.executors.map(({ executor_info: info }) => [
      executorKey(info.framework_id?.value ?? '', info.executor_id.value),
      info,
    ]),
  );
  const executors = get_containers.containers.flatMap(({ framework_id, executor_id, container_id }): MesosExecutor[] => {
    if (framework_id === undefined || executor_id === undefined) return []; // standalone: of no framework
    const key = executorKey(framework_id.value, executor_id.value);
    const info = known.get(key);
    const framework = frameworks.get(framework_id.value);
    return [
      {
        frameworkId: framework_id.value,
        framework: framework?.name ?? '',
        executorId: executor_id.value,
        containerId: container_id.value,
        role: roles.get(key) ?? roleOf(info?.resources ?? []) ?? framework?.role,
        labels: info?.labels.labels ?? [],
      },
    ];
  });
  return { executors, tasks };
}

/** All resources of a task are of one role. */
function roleOf(given: z.output<typeof resources>): string | undefined {
  return given.find(({ allocation_info }) => allocation_info?.role !== undefined)?.allocation_info?.role;
}
