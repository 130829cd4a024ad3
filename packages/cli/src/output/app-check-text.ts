import type { AppCheck } from '@weir/mesos';
import { formatLabels, servicePortText } from './columns.ts';
import { ruleText } from './rule-text.ts';

/** What Weir would make of an app, as people read it. */
export function appCheckText({ id, namespace, networks, labels, addresses, ports, objects, errors, warnings }: AppCheck): string {
  const fields: [string, string[]][] = [
    ['Namespace', namespace === undefined ? [] : [namespace]],
    ['Networks', networks],
    ['Labels', Object.keys(labels).length === 0 ? [] : [formatLabels(labels)]],
    ['Addresses', Object.entries(addresses).map(([key, value]) => `${key}: ${value}`)],
    ['Ports', ports.map(({ name, port, protocol }) => `${name} ${port}/${protocol}`)],
    ['Objects', objects.flatMap(objectLines)],
    ['Errors', errors],
    ['Warnings', warnings],
  ];
  const lines = fields.flatMap(([name, values]) => values.map((value, index) => `  ${(index === 0 ? `${name}:` : '').padEnd(12)}${value}`));
  return `${[id, ...lines].join('\n')}\n`;
}

function objectLines(object: AppCheck['objects'][0]): string[] {
  const { kind, metadata } = object;
  const title = `${kind} ${metadata.namespace}/${metadata.name}`;
  if (object.kind === 'Service') return [title, ...object.spec.ports.map((port) => `  Port: ${servicePortText(port)}`)];
  if (object.kind !== 'Policy') return [title];
  const { types, ingress, egress } = object.spec;
  const rules = types.flatMap((type) => {
    const list = type === 'Ingress' ? ingress : egress;
    return list.length === 0 ? [`${type}: nothing is allowed`] : list.map((rule) => `${type}: ${ruleText(rule, metadata.namespace)}`);
  });
  return [title, ...rules.map((rule) => `  ${rule}`)];
}
