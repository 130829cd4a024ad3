export { type Connection, connectionFields } from './connection.ts';
export { APP_ANNOTATION, type App, ERROR_ANNOTATION, OWNER, OWNER_LABEL, objectsOfApp } from './marathon/app-objects.ts';
export { AppPlanner, type Plan } from './marathon/app-plan.ts';
export { type AppCheck, checkApp, definitionsOf } from './marathon/check-app.ts';
export {
  appSchema,
  appStatusSchema,
  type MarathonApp,
  type MarathonAppDefinition,
  type MarathonAppStatus,
  type MarathonNetwork,
  type MarathonTask,
} from './marathon/marathon-app.ts';
export { MarathonClient } from './marathon/marathon-client.ts';
export { MarathonError } from './marathon/marathon-error.ts';
export { isChange } from './marathon/marathon-events.ts';
export { type MarathonPod, type MarathonPodStatus, podSchema } from './marathon/marathon-pod.ts';
export { appOfTask } from './marathon/marathon-task.ts';
export type { Rules } from './marathon/rule-words.ts';
export { mesosAgentFlags } from './mesos-agent/agent-process.ts';
export { identityOf, readAppLabels, taskOf } from './mesos-agent/container-task.ts';
export { MesosAgentClient } from './mesos-agent/mesos-agent-client.ts';
export { MesosError } from './mesos-agent/mesos-error.ts';
export type { MesosContainer } from './mesos-agent/mesos-state.ts';
export { loadNetworkFiles, type NetworkFolders } from './mesos-agent/network-files.ts';
export { findPlugin } from './mesos-agent/plugin-path.ts';
export { type Readiness, readinessOf } from './mesos-agent/task-readiness.ts';
export { Turn } from './turn.ts';
