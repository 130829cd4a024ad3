/** Makes what the labels of a task ask for before its endpoint is in force, so that there is no moment without its policy. */
import { type Call, cleanLabelText, readNetworkInfo, type Task } from '@weir/cni';
import { objectsOfApp } from '@weir/mesos';
import { DEFAULT_NAMESPACE, type Endpoint, type Policy, wantsObject } from '@weir/resources';
import { putOwned, type Stores } from './app-owned-objects.ts';

export interface TaskLabelsOptions {
  stores: Stores;
  /** Whether somebody follows Marathon, who removes the objects when their app goes. */
  isFollowed: boolean;
  /** Told of what was written, so that it is in force before the store's watch brings it. */
  learn: (policy: Policy, revision: number) => void;
}

/** Those of the labels in a call that are about the one network; they win over the app's. */
export function networkLabels(call: Call): Task['labels'] {
  return readNetworkInfo(call.config)?.labels ?? [];
}

export class TaskLabels {
  readonly #options: TaskLabelsOptions;

  constructor(options: TaskLabelsOptions) {
    this.#options = options;
  }

  /** @returns the task with the claim that was made for it, and with what cannot be followed. Throws the store's error */
  async prepare(task: Task, ofNetwork: Task['labels']): Promise<Task> {
    const labels = [...new Map([...task.labels, ...ofNetwork].map((label) => [label.key, label])).values()];
    const said = labels.find(({ key }) => key === 'weir/namespace')?.value;
    return this.#make(task, labels, (said && cleanLabelText(said)) || task.namespace || DEFAULT_NAMESPACE);
  }

  /** For a task that became known after the ADD. Its address is given already. */
  async prepareLate(task: Task, endpoint: Endpoint): Promise<Task> {
    const said = task.labels.find(({ key }) => key === 'weir/namespace')?.value ?? task.namespace;
    const namespace = endpoint.spec.mesos?.namespaceGiven ? endpoint.metadata.namespace : said;
    const { labels: _, ...rest } = await this.#make(task, task.labels, namespace ?? endpoint.metadata.namespace ?? DEFAULT_NAMESPACE);
    return { ...rest, labels: task.labels };
  }

  async #make(task: Task, labels: Task['labels'], namespace: string): Promise<Task> {
    const { app } = task.facts;
    const wanted = labels.filter(({ key }) => wantsObject(key));
    if (wanted.length === 0) return task;
    const { stores, isFollowed, learn } = this.#options;
    if (app === undefined || !isFollowed) {
      const reason = app === undefined ? 'the task is not of Marathon' : "the agent's configuration has no section marathon";
      return { ...task, warnings: [...task.warnings, ...wanted.map(({ key }) => `${key}: not followed, ${reason}`)] };
    }
    const { objects, claim, errors } = objectsOfApp({ id: app, namespace, labels });
    for (const object of objects) {
      const there = await putOwned(stores, object);
      if (there === undefined)
        errors.push(`${object.kind} ${namespace}/${object.metadata.name} is there and is not of Marathon: it was left alone`);
      else if (there.object.kind === 'Policy') learn(there.object, there.revision);
    }
    const rest =
      claim === undefined ? task.labels : [...task.labels.filter(({ key }) => !CLAIMED.has(key)), { key: 'weir/claim', value: claim }];
    return { ...task, labels: rest, warnings: [...task.warnings, ...errors] };
  }
}

/** What a claim says already, of the app's own labels. */
const CLAIMED = new Set<string>(['weir/ip', 'weir/pool', 'weir/claim']);
