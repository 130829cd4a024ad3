import { DEFAULT_NAMESPACE } from '@weir/resources';
import { z } from 'zod';
import { cleanLabelText } from './label-text.ts';
import { parseConfig } from './network-config.ts';
import { readNetworkInfo } from './network-info.ts';
import type { Call } from './request.ts';

/** The network label that puts an endpoint in a namespace. */
const NAMESPACE_LABEL = 'weir/namespace';

const configSchema = z.looseObject({
  /** Labels of every endpoint of this network; the task's own win. */
  labels: z.record(z.string(), z.string()).default({}),
  /** Of endpoints whose task names none. */
  namespace: z.string().min(1).default(DEFAULT_NAMESPACE),
});

/** What selectors see of a task. */
export interface TaskIdentity {
  namespace: string;
  labels: Record<string, string>;
}

/**
 * The network's labels, then the task's, cleaned: Mesos lets any text through.
 *
 * @param tool for the error's text
 * @throws CniError 7
 */
export function taskIdentity(call: Call, tool: string): TaskIdentity {
  const config = parseConfig(configSchema, call.config, tool);
  const labels = { ...config.labels };
  let { namespace } = config;
  for (const { key, value } of readNetworkInfo(call.config)?.labels ?? []) {
    const [name, text] = [cleanLabelText(key), cleanLabelText(value)];
    if (key === NAMESPACE_LABEL) namespace = text === '' ? namespace : text;
    else if (name !== '') labels[name] = text;
  }
  return { labels, namespace };
}
