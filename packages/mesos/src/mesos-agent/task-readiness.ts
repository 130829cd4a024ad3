/**
 * Pure: which tasks Marathon takes for ready. It makes health checks itself (HTTP, TCP) or has Mesos make them (MESOS_*), and tells of both as
 * `healthCheckResults`; readiness checks it makes while it deploys (app.raml, task.raml, readinessCheck.raml, podStatus.raml).
 */
import { z } from 'zod';

/**
 * `unchecked`: there are no checks. `unknown`: there are, and no result yet: of a task that starts, or of a Marathon that leads since a moment
 * ago and has not checked.
 */
export type Readiness = 'ready' | 'not-ready' | 'unknown' | 'unchecked';

const checks = z.array(z.unknown()).nullish();

const appSchema = z.looseObject({
  healthChecks: checks,
  readinessChecks: checks,
  readinessCheckResults: z.array(z.looseObject({ taskId: z.string(), ready: z.boolean() })).nullish(),
  deployments: z.array(z.unknown()).nullish(),
  tasks: z
    .array(
      z.looseObject({
        id: z.string(),
        state: z.string().optional(),
        healthCheckResults: z.array(z.looseObject({ alive: z.boolean() }).nullable()).nullish(),
      }),
    )
    .nullish(),
});

const podSchema = z.looseObject({
  spec: z.looseObject({ containers: z.array(z.looseObject({ healthCheck: z.unknown().optional() })) }),
  instances: z
    .array(z.looseObject({ status: z.string(), containers: z.array(z.looseObject({ containerId: z.string().optional() })).nullish() }))
    .nullish(),
});

/**
 * By task. Apps and pods that cannot be read are left out.
 *
 * @param apps with their tasks and the results of readiness checks (`embed=apps.tasks&embed=apps.readiness`)
 * @param pods as `/v2/pods/::status` tells of them
 */
export function readinessOf({ apps, pods }: { apps: readonly unknown[]; pods: readonly unknown[] }): Map<string, Readiness> {
  return new Map([...apps.flatMap(ofApp), ...pods.flatMap(ofPod)]);
}

function ofApp(value: unknown): [string, Readiness][] {
  const app = appSchema.safeParse(value).data;
  return (app?.tasks ?? []).flatMap(({ id, state, healthCheckResults }): [string, Readiness][] => {
    if (state === 'TASK_KILLING') return [[id, 'not-ready']];
    const found: Readiness[] = [];
    const results = (healthCheckResults ?? []).filter((result) => result !== null);
    if (results.length > 0) found.push(results.every(({ alive }) => alive) ? 'ready' : 'not-ready');
    else if (app?.healthChecks?.length) found.push('unknown');
    // A result may name the task, or the instance that it is of.
    const deployed = app?.readinessCheckResults?.filter(({ taskId }) => id === taskId || id.startsWith(`${taskId}.`)) ?? [];
    if (deployed.length > 0) found.push(deployed.every(({ ready }) => ready) ? 'ready' : 'not-ready');
    else if (app?.readinessChecks?.length && app.deployments?.length) found.push('unknown');
    return [[id, worst(found)]];
  });
}

function ofPod(value: unknown): [string, Readiness][] {
  const pod = podSchema.safeParse(value).data;
  const isChecked = pod?.spec.containers.some(({ healthCheck }) => healthCheck != null);
  return (pod?.instances ?? []).flatMap(({ status, containers }): [string, Readiness][] => {
    const readiness = ofStatus(status, isChecked === true);
    return (containers ?? []).flatMap(({ containerId }) => (containerId === undefined ? [] : [[containerId, readiness]]));
  });
}

/** `STABLE`: what runs is healthy, where it is checked. */
function ofStatus(status: string, isChecked: boolean): Readiness {
  if (status === 'TERMINAL') return 'not-ready';
  if (!isChecked) return 'unchecked';
  return status === 'STABLE' ? 'ready' : status === 'DEGRADED' ? 'not-ready' : 'unknown';
}

function worst(found: readonly Readiness[]): Readiness {
  return (['not-ready', 'unknown', 'ready'] as const).find((one) => found.includes(one)) ?? 'unchecked';
}
