export { mesosAgentFlags } from './agent-process.ts';
export { type AppPort, type AppReading, readDefinition } from './app-definition.ts';
export {
  APP_ANNOTATION,
  type App,
  type AppObjects,
  ERROR_ANNOTATION,
  OWNER,
  OWNER_LABEL,
  objectName,
  objectsOfApp,
} from './app-objects.ts';
export { AppPlanner, type Plan, planApps } from './app-plan.ts';
export { type AppCheck, checkApp, definitionsOf } from './check-app.ts';
export { type Connection, connectionFields } from './connection.ts';
export { identityOf, namedPorts, readAppLabels, taskOf } from './container-task.ts';
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
} from './marathon-app.ts';
export { MarathonClient, type MarathonClientOptions } from './marathon-client.ts';
export { MarathonError } from './marathon-error.ts';
export { isChange } from './marathon-events.ts';
export {
  type MarathonPod,
  type MarathonPodDefinition,
  type MarathonPodStatus,
  podSchema,
} from './marathon-pod.ts';
export { appOfTask, nameOfApp, namespaceOfApp } from './marathon-task.ts';
export { MesosAgentClient } from './mesos-agent-client.ts';
export { MesosError } from './mesos-error.ts';
export { containersOf, type MesosContainer, type MesosTask } from './mesos-state.ts';
export { loadNetworkFiles, type NetworkFolders, type SkippedFile } from './network-files.ts';
export { findPlugin } from './plugin-path.ts';
export { parseRules, type Rules } from './rule-words.ts';
export { type Readiness, readinessOf } from './task-readiness.ts';
export { Turn } from './turn.ts';
