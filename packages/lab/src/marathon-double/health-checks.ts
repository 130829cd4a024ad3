/** The health checks of apps over HTTP, made from the hosts of their tasks as Mesos makes them. Checks of other kinds are not made: those pass. */
import { setTimeout as delay } from 'node:timers/promises';
import type { MarathonAppStatus, MarathonTask } from '@weir/mesos';
import { z } from 'zod';
import type { Probe } from '../probe/probe.ts';
import type { Scheduler } from './scheduler.ts';

const checkSchema = z.looseObject({
  protocol: z.string().default('HTTP'),
  path: z.string().default('/'),
  portIndex: z.int().default(0),
  port: z.int().optional(),
});

const PAUSE_MS = 1000;

/** Until the signal. An instance that never passed a check has no result yet, as in its grace period. @param probes by the hosts' names */
export async function makeHealthChecks(
  scheduler: Pick<Scheduler, 'list' | 'setHealth'>,
  probes: ReadonlyMap<string, Pick<Probe, 'http'>>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await Promise.all(
      scheduler.list().flatMap((app) =>
        (app.tasks ?? []).map(async (task) => {
          const alive = await isAlive(app, task, probes.get(task.host ?? ''));
          const passed = task.healthCheckResults?.some((result) => result.alive) ?? false;
          if (alive === true || (alive === false && passed)) scheduler.setHealth(task.id, alive);
        }),
      ),
    );
    await delay(PAUSE_MS, undefined, { signal }).catch(() => {});
  }
}

/** Undefined where there is nothing to check. */
async function isAlive(app: MarathonAppStatus, task: MarathonTask, probe: Pick<Probe, 'http'> | undefined): Promise<boolean | undefined> {
  const checks = z.array(checkSchema).default([]).parse(app.healthChecks);
  const [address] = task.ipAddresses;
  if (checks.length === 0 || task.state !== 'TASK_RUNNING' || address === undefined || probe === undefined) return undefined;
  const host = address.protocol === 'IPv6' ? `[${address.ipAddress}]` : address.ipAddress;
  const results = checks.map(async ({ protocol, path, portIndex, port = app.container?.portMappings?.[portIndex]?.containerPort }) => {
    if (!/^(MESOS_)?HTTP$/.test(protocol) || port === undefined) return true;
    return (await probe.http(`http://${host}:${port}${path}`)).ok;
  });
  return (await Promise.all(results)).every(Boolean);
}
