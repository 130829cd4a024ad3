import type { Call } from '../protocol/request.ts';
import { MESOS_ARGS, readNetworkInfo } from './network-info.ts';
import type { Task } from './task.ts';

/** The call with what the app says to Weir by labels of its own, as if the network's labels said it; the network's win. */
export function withTask(call: Call, task: Task): Call {
  const info = readNetworkInfo(call.config);
  const own = new Set(info?.labels.map(({ key }) => key));
  const added = task.labels.filter(({ key }) => key.startsWith('weir/') && !own.has(key));
  if (added.length === 0) return { ...call, task };
  const args = call.config.args?.[MESOS_ARGS] as { network_info?: object } | undefined;
  const labels = { labels: [...added, ...(info?.labels ?? [])] };
  const networkInfo = { ...args?.network_info, labels };
  return { ...call, task, config: { ...call.config, args: { ...call.config.args, [MESOS_ARGS]: { ...args, network_info: networkInfo } } } };
}
