export { type Connection, connectionFields } from './connection.ts';
export { type AppPort, type AppReading, readDefinition } from './marathon/app-definition.ts';
export {
  APP_ANNOTATION,
  type App,
  type AppObjects,
  ERROR_ANNOTATION,
  OWNER,
  OWNER_LABEL,
  objectName,
  objectsOfApp,
} from './marathon/app-objects.ts';
export { AppPlanner, type Plan, planApps } from './marathon/app-plan.ts';
export { type AppCheck, checkApp, definitionsOf } from './marathon/check-app.ts';
export {
  appIdSchema,
  appSchema,
  appStatusSchema,
  type MarathonApp,
  type MarathonAppDefinition,
  type MarathonAppStatus,
  type MarathonNetwork,
  type MarathonPortMapping,
  type MarathonTask,
  taskSchema,
} from './marathon/marathon-app.ts';
export { MarathonClient, type MarathonClientOptions } from './marathon/marathon-client.ts';
export { MarathonError } from './marathon/marathon-error.ts';
export { isChange } from './marathon/marathon-events.ts';
export {
  type MarathonPod,
  type MarathonPodDefinition,
  type MarathonPodStatus,
  podSchema,
} from './marathon/marathon-pod.ts';
export { appOfTask, nameOfApp, namespaceOfApp } from './marathon/marathon-task.ts';
export { parseRules, type Rules } from './marathon/rule-words.ts';
export { mesosAgentFlags } from './mesos-agent/agent-process.ts';
export { identityOf, namedPorts, readAppLabels, taskOf } from './mesos-agent/container-task.ts';
export { MesosAgentClient } from './mesos-agent/mesos-agent-client.ts';
export { MesosError } from './mesos-agent/mesos-error.ts';
export { containersOf, type MesosContainer, type MesosTask } from './mesos-agent/mesos-state.ts';
export { loadNetworkFiles, type NetworkFolders, type SkippedFile } from './mesos-agent/network-files.ts';
export { findPlugin } from './mesos-agent/plugin-path.ts';
export { type Readiness, readinessOf } from './mesos-agent/task-readiness.ts';
export { Turn } from './turn.ts';
