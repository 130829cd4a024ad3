export { checkNetwork, type NetworkProblem } from './check-network.ts';
export { CNI_CODE, CniError, type CniErrorOptions } from './cni-error.ts';
export { type Conversion, type ConversionNote, convertConfig } from './convert/convert-config.ts';
export { type DispatchInput, dispatch } from './dispatch.ts';
export { explainError } from './explain-error.ts';
export { GUARDED_PREFIX, OPEN_PREFIX } from './host-interface-prefix.ts';
export { joinTask } from './join-task.ts';
export { cleanLabelText } from './label-text.ts';
export type { NetworkConfig } from './network-config.ts';
export { isFromMesos, MESOS_ARGS, type NetworkInfo, readNetworkInfo } from './network-info.ts';
export { type Call, type Environment, parseRequest, type Request } from './request.ts';
export { type Address, type Dns, decodeResult, encodeResult, type Interface, type Result, type Route } from './result.ts';
export { ResultCache } from './result-cache.ts';
export type { Collection, Outage, Services } from './services.ts';
export { containerPorts, type Task, type TaskPort, withTask } from './task.ts';
export { appLabels } from './task-identity.ts';
export type { Tool } from './tool.ts';
export { TOOLS } from './tool-table.ts';
export { CNI_VERSIONS, type CniVersion, LATEST_CNI_VERSION } from './version.ts';
export {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type LauncherRequest,
  type LauncherResponse,
  MAX_REQUEST_BYTES,
  WireFormatError,
} from './wire-format.ts';
