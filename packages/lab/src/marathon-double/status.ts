/** Pure: what Marathon tells of an app (AppInfo) or a pod (podStatus.raml) and its instances. */
import type { MarathonApp, MarathonAppStatus, MarathonPod, MarathonPodStatus, MarathonTask } from '@weir/mesos';
import type { Instance, Scheduled } from './instance.ts';

export function appStatus(app: Scheduled<MarathonApp>): MarathonAppStatus {
  const tasks = app.instances.map((instance) => taskOf(app, instance));
  const count = (wanted: (instance: Instance) => boolean) => app.instances.filter(wanted).length;
  return {
    ...app.definition,
    version: app.version,
    tasksStaged: count(({ state }) => state === 'TASK_STAGING'),
    tasksRunning: count(({ state }) => state === 'TASK_RUNNING'),
    tasksHealthy: count(({ alive }) => alive === true),
    tasksUnhealthy: count(({ alive }) => alive === false),
    deployments: [...app.deployments].map((id) => ({ id })),
    tasks,
    ...(app.lastTaskFailure && { lastTaskFailure: app.lastTaskFailure }),
  };
}

function taskOf({ definition }: Scheduled<MarathonApp>, instance: Instance): MarathonTask {
  const { id, agent, plan, state, addresses, stagedAt, startedAt, alive, version } = instance;
  return {
    id: plan.tasks[0]!.id,
    appId: definition.id,
    host: agent.name,
    slaveId: agent.name,
    state,
    ipAddresses: addresses,
    ports: plan.hostPorts,
    servicePorts: [],
    stagedAt,
    startedAt,
    version,
    role: '*',
    ...(alive !== undefined && { healthCheckResults: [{ alive, consecutiveFailures: alive ? 0 : 1, instanceId: id }] }),
  };
}

export function podStatus({ definition, instances, version, lastTaskFailure }: Scheduled<MarathonPod>): MarathonPodStatus {
  const running = instances.filter(({ state, alive }) => state === 'TASK_RUNNING' && alive !== false);
  return {
    id: definition.id,
    spec: { ...definition, version },
    status: running.length >= definition.scaling.instances ? 'STABLE' : 'DEGRADED',
    statusSince: version,
    ...(lastTaskFailure !== undefined && { message: lastTaskFailure.message }),
    instances: instances.map((instance) => podInstance(definition, instance)),
    terminationHistory: [],
  };
}

function podInstance(
  pod: MarathonPod,
  { id, agent, plan, state, addresses, stagedAt, alive, container }: Instance,
): MarathonPodStatus['instances'][0] {
  return {
    id,
    status: state === 'TASK_RUNNING' ? (alive === false ? 'DEGRADED' : 'STABLE') : 'STAGING',
    statusSince: stagedAt,
    agentHostname: agent.name,
    agentId: agent.name,
    networks: (container?.networks ?? []).map(({ name, ip_addresses }) => ({
      name,
      addresses: ip_addresses.map(({ ip_address }) => ip_address.split('/')[0]!),
    })),
    ...(addresses.length === 0 && { networks: [] }),
    containers: pod.containers.map(({ name, endpoints }, index) => ({
      name,
      status: state,
      statusSince: stagedAt,
      containerId: plan.tasks[index]!.id,
      endpoints: endpoints.map((endpoint) => ({ name: endpoint.name, ...(alive !== undefined && { healthy: alive }) })),
    })),
  };
}
