/**
 * The answer of a Mesos agent's `/state` (slave/http.cpp), which is older than the operator API. Of tasks that wait for their executor it
 * has no labels, so these are left out: a task without its labels would be taken for one that has none.
 */
import { z } from 'zod';
import { discoverySchema, labelsSchema, type MesosExecutor, type MesosTask, statusSchema } from './mesos-state.ts';

const executorSchema = z.looseObject({
  id: z.string(),
  container: z.string(),
  role: z.string().optional(),
  labels: labelsSchema.default([]),
  tasks: z
    .array(
      z.looseObject({
        id: z.string(),
        labels: labelsSchema.default([]),
        discovery: discoverySchema.optional(),
        statuses: z.array(statusSchema).default([]),
      }),
    )
    .default([]),
});

export const stateSchema = z.looseObject({
  frameworks: z
    .array(z.looseObject({ id: z.string(), name: z.string().default(''), executors: z.array(executorSchema).default([]) }))
    .default([]),
});

export function readState({ frameworks }: z.output<typeof stateSchema>): { executors: MesosExecutor[]; tasks: MesosTask[] } {
  const all = frameworks.flatMap(({ executors, ...framework }) => executors.map((executor) => ({ framework, executor })));
  return {
    executors: all.map(({ framework, executor: { id, container, role, labels } }) => ({
      frameworkId: framework.id,
      framework: framework.name,
      executorId: id,
      containerId: container,
      role,
      labels,
    })),
    tasks: all.flatMap(({ framework, executor }) =>
      executor.tasks.map(({ id, labels, discovery, statuses }) => ({
        task_id: { value: id },
        framework_id: { value: framework.id },
        executor_id: { value: executor.id },
        labels: { labels },
        discovery,
        statuses,
      })),
    ),
  };
}
