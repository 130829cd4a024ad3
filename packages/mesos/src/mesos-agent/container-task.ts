import { cleanLabelText, type Task, type TaskPort } from '@weir/cni';
import {
  APP_LABEL,
  FRAMEWORK_LABEL,
  type Labels,
  looksLikeWeirLabel,
  nearest,
  parseNamespaceName,
  ROLE_LABEL,
  ValidationError,
  WEIR_LABEL_SPELLINGS,
  weirLabel,
} from '@weir/resources';
import { appOfTask, nameOfApp, namespaceOfApp } from '../marathon/marathon-task.ts';
import { healthOf, type MesosContainer, type MesosTask } from './mesos-state.ts';

/** Pure: what a container's tasks say to Weir; undefined while it has none. Of a pod, its own labels win over those of its containers. */
export function taskOf({ tasks, labels, framework, role, executorId }: MesosContainer): Task | undefined {
  const [first] = tasks;
  if (first === undefined) return undefined;
  const task = first.task_id.value;
  const app = appOfTask(task);
  const healthy = healthOf(tasks);
  const ports = tasks.flatMap(({ discovery }) => discovery?.ports.ports ?? []);
  return {
    ...readAppLabels([
      ...(app === undefined ? [] : [{ key: 'app', value: nameOfApp(app) }]),
      ...tasks.toReversed().flatMap((one) => one.labels.labels),
      ...labels,
      ...tasks.flatMap(dockerNetworkLabels),
    ]),
    identity: identityOf({ app, framework, role }),
    ...(app !== undefined && { namespace: namespaceOfApp(app) }),
    ports: namedPorts(
      ports.map(({ labels: { labels: own }, ...port }) => ({
        ...port,
        onHost: own.some(({ key, value }) => key === 'network-scope' && value === 'host'),
      })),
    ),
    facts: {
      task,
      ...(executorId !== task && { executor: executorId }),
      framework,
      ...(role !== undefined && { role }),
      ...(app !== undefined && { app }),
      ...(healthy !== undefined && { healthy }),
    },
  };
}

/** Of a container that Docker runs the labels of its network come no other way: no call has them. */
function dockerNetworkLabels({ container }: MesosTask): { key: string; value: string }[] {
  return container?.type === 'DOCKER' ? container.network_infos.flatMap((network) => network.labels.labels) : [];
}

/** What Weir labels an endpoint with. Ids of apps are kept as they are, so that they can be selected by. */
export function identityOf({ app, framework, role }: { app?: string | undefined; framework?: string; role?: string | undefined }): Labels {
  return {
    ...(app !== undefined && { [APP_LABEL]: app.slice(0, 512) }),
    ...(framework && { [FRAMEWORK_LABEL]: cleanLabelText(framework).slice(0, 512) }),
    ...(role !== undefined && { [ROLE_LABEL]: role.replace(/[^A-Za-z0-9_./-]+/g, '-').slice(0, 512) }),
  };
}

/** The app's labels, those to Weir in one spelling, and what is wrong with those. A later one of a key replaces an earlier one. */
export function readAppLabels(given: readonly { key: string; value: string }[]): Pick<Task, 'labels' | 'warnings'> {
  const values = new Map<string, string>();
  const warnings: string[] = [];
  for (const { key, value } of given) values.set(weirLabel(key) ?? key, value);
  for (const [key, value] of values) {
    if (weirLabel(key) === undefined && looksLikeWeirLabel(key)) {
      const meant = nearest(key, WEIR_LABEL_SPELLINGS);
      warnings.push(`label ${JSON.stringify(key.slice(0, 60))}: not known${meant ? `, did you mean ${meant}?` : ''}`);
    }
    if (key === 'weir/namespace') {
      const wrong = namespaceProblem(value);
      if (wrong !== undefined) {
        warnings.push(`weir/namespace: ${wrong}`);
        values.delete(key);
      }
    }
  }
  return { labels: [...values].map(([key, value]) => ({ key, value })), warnings };
}

function namespaceProblem(value: string): string | undefined {
  try {
    parseNamespaceName(value);
    return undefined;
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    return error.issues[0]!.message;
  }
}

/** Ports that rules can name: those with a name and a number; `udp,tcp` is two. */
export function namedPorts(
  ports: readonly { name?: string | undefined; number: number; protocol?: string | undefined; onHost?: boolean }[],
): TaskPort[] {
  const known = new Map<string, TaskPort>();
  for (const { name, number, protocol = 'tcp', onHost = false } of ports) {
    if (name === undefined || number === 0 || !/^[a-zA-Z0-9_.-]{1,128}$/.test(name)) continue;
    for (const one of protocol.split(',')) {
      const upper = one.trim().toUpperCase();
      if (upper !== 'TCP' && upper !== 'UDP' && upper !== 'SCTP') continue;
      known.set(`${name} ${upper} ${number}`, { name, protocol: upper, port: number, ...(onHost && { onHost }) });
    }
  }
  return [...known.values()];
}
