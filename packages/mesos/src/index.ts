export { mesosAgentFlags } from './agent-process.ts';
export {
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
export { loadNetworkFiles, type NetworkFolders, type SkippedFile } from './network-files.ts';
export { findPlugin } from './plugin-path.ts';
