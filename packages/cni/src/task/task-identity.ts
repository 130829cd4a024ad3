import { DEFAULT_NAMESPACE, type Labels, parseLabelKey, parseLabelValue, ValidationError, weirLabel } from '@weir/resources';
import { z } from 'zod';
import { parseConfig } from '../protocol/network-config.ts';
import type { Call } from '../protocol/request.ts';
import { cleanLabelText } from './label-text.ts';
import { networkLabels } from './network-labels.ts';
import type { Task } from './task.ts';

const configSchema = z.looseObject({
  /** Labels of every endpoint of this network; the task's own win. */
  labels: z.record(z.string(), z.string()).default({}),
  /** Of endpoints whose task names none, by label or path. */
  namespace: z.string().min(1).default(DEFAULT_NAMESPACE),
});

/** What selectors see of a task. */
export interface TaskIdentity {
  namespace: string;
  /** True when a label says so; else it comes from the app's path, or is the network's. */
  namespaceGiven: boolean;
  labels: Labels;
}

/**
 * The network's labels, then the app's, then those that the runtime gives for this network, cleaned: Mesos lets any text through.
 *
 * @param tool for the error's text
 * @throws CniError 7
 */
export function taskIdentity(call: Call, tool: string): TaskIdentity {
  const config = parseConfig(configSchema, call.config, tool);
  const { task } = call;
  const labels = { ...config.labels, ...(task && appLabels(task).labels) };
  let given: string | undefined;
  for (const { key, value } of networkLabels(call.config)) {
    const known = weirLabel(key);
    const [name, text] = [cleanLabelText(key), cleanLabelText(value)];
    if (known === 'weir/namespace') given = text === '' ? given : text;
    else if (known === undefined && name !== '') labels[name] = text;
  }
  return {
    labels: { ...labels, ...task?.identity },
    namespace: given ?? task?.namespace ?? config.namespace,
    namespaceGiven: given !== undefined,
  };
}

/** Labels of an app that selectors can see. One that does not fit is left out, and told: apps carry labels for others, of any size. */
export function appLabels({ labels }: Pick<Task, 'labels'>): { labels: Labels; refused: string[] } {
  const fitting: Labels = {};
  const refused: string[] = [];
  for (const { key, value } of labels) {
    if (weirLabel(key) !== undefined) continue;
    const [name, text] = [cleanLabelText(key), cleanLabelText(value)];
    if (name === '') continue;
    try {
      fitting[parseLabelKey(name)] = parseLabelValue(text);
    } catch (error) {
      if (!(error instanceof ValidationError)) throw error;
      refused.push(
        `label ${JSON.stringify(key.slice(0, 60))}: left out, no label of up to 512 characters: it has ${Math.max(name.length, text.length)}`,
      );
    }
  }
  return { labels: fitting, refused };
}
