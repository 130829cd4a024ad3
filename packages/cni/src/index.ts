export { checkNetwork, type NetworkProblem } from './chain/check-network.ts';
export { ResultCache } from './chain/result-cache.ts';
export { CNI_CODE, CniError } from './cni-error.ts';
export { convertConfig } from './convert/convert-config.ts';
export { dispatch } from './dispatch.ts';
export { explainError } from './explain-error.ts';
export type { NetworkConfig } from './protocol/network-config.ts';
export type { Call, Environment, Request } from './protocol/request.ts';
export { type Address, decodeResult, encodeResult, type Interface, type Result, type Route } from './protocol/result.ts';
export { CNI_VERSIONS, type CniVersion } from './protocol/version.ts';
export type { Collection, Outage, Services } from './services.ts';
export { joinLabels, joinTask, type LateLabels } from './task/join-task.ts';
export { cleanLabelText } from './task/label-text.ts';
export { type NetworkInfo, readNetworkInfo } from './task/network-info.ts';
export { containerPorts, type Task, type TaskPort } from './task/task.ts';
export { appLabels } from './task/task-identity.ts';
export { TOOLS } from './tool-table.ts';
export { GUARDED_PREFIX, OPEN_PREFIX } from './tools/host-interface-prefix.ts';
export {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type LauncherRequest,
  type LauncherResponse,
  MAX_REQUEST_BYTES,
} from './wire-format.ts';
