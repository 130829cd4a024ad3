/** A container's endpoint: where it is, whose, and what policy is for it. */
import { type Endpoint, type GlobalPolicy, type HostPort, type NamespaceDefault, type Policy, WARNINGS_ANNOTATION } from '@weir/resources';
import { behindText } from './describe-service.ts';
import type { Field } from './field.ts';
import { endpointRelations } from './relations.ts';
import type { Surroundings } from './surroundings.ts';
import { policyTitle } from './titles.ts';

export function endpointFields(endpoint: Endpoint, surroundings: Surroundings): Field[] {
  const { spec } = endpoint;
  const { agentIsUp, services, ingress, egress, defaultIngress, defaultEgress } = endpointRelations(endpoint, surroundings);
  const by = (policies: readonly (Policy | GlobalPolicy)[], preset: NamespaceDefault) =>
    policies.length > 0 ? policies.map((policy) => policyTitle(policy)) : [`<none>: ${preset} by default`];
  return [
    ...warningFields(endpoint),
    ['Host', agentIsUp ? spec.host : `${spec.host}, whose agent is down`],
    ['Container', containerText(spec)],
    ...mesosFields(spec),
    ['Network', spec.network],
    ['Addresses', spec.addresses],
    ['Interface', `${spec.interfaceName} in the container, ${spec.hostInterface} on the host`],
    ...(spec.mac === undefined ? [] : [['MAC', spec.mac] satisfies Field]),
    ...(spec.aliases === undefined ? [] : [['Aliases', spec.aliases] satisfies Field]),
    ['Host ports', (spec.hostPorts ?? []).map(hostPortText)],
    ['Ports', spec.ports.map(({ name, port, protocol }) => `${name} ${port}/${protocol}`)],
    ...(services.length === 0 ? [] : [['Services', services.map(behindText)] satisfies Field]),
    ['Ingress by', by(ingress, defaultIngress)],
    ['Egress by', by(egress, defaultEgress)],
  ];
}

/** What of the task's labels could not be followed; first, since it is why somebody looks. */
function warningFields({ metadata, spec }: Endpoint): Field[] {
  const told = metadata.annotations[WARNINGS_ANNOTATION]?.split('\n') ?? [];
  const waits = spec.waitsForLabels
    ? [`closed: the labels of its ${spec.docker?.name === undefined && spec.docker ? 'container' : 'task'} are not known yet`]
    : [];
  const warnings = [...waits, ...told];
  return warnings.length === 0 ? [] : [['Warnings', warnings]];
}

/** With the id by which `docker` knows it, where it is Docker's. */
function containerText({ containerId, docker }: Endpoint['spec']): string {
  if (docker === undefined) return containerId;
  return docker.name === undefined
    ? 'not known: Docker has not been asked yet, or does not answer'
    : `${docker.name}, ${docker.container} of Docker`;
}

function mesosFields({ mesos }: Endpoint['spec']): Field[] {
  if (mesos === undefined) return [];
  const { task = 'not known: the agent does not ask Mesos, or has had no answer yet', app, framework, role, healthy } = mesos;
  return [
    ['Task', task],
    ...(app === undefined ? [] : [['App', app] satisfies Field]),
    ...(framework === undefined ? [] : [['Framework', role === undefined ? framework : `${framework}, role ${role}`] satisfies Field]),
    ...(healthy === undefined ? [] : [['Healthy', healthy ? 'yes' : 'no'] satisfies Field]),
  ];
}

/** `TCP 192.0.2.17:31000 -> 8000` */
function hostPortText({ protocol, hostIP, hostPort, containerPort }: HostPort): string {
  const host = hostIP?.includes(':') ? `[${hostIP}]` : hostIP;
  return `${protocol} ${host === undefined ? '' : `${host}:`}${hostPort} -> ${containerPort}`;
}
