/** Hosts, and hosts as endpoints. */
import type { Host, HostEndpoint } from '@weir/resources';
import type { AgentPresence } from '../node/presence.ts';
import { hostBgpText } from './describe-bgp.ts';
import type { Field } from './field.ts';
import { hostEndpointRelations } from './relations.ts';
import type { Surroundings } from './surroundings.ts';
import { endpointLine, policyTitle } from './titles.ts';

export function hostFields(host: Host, { endpoints, agents }: Surroundings): Field[] {
  return [
    ['Agent', agentLines(agents?.get(host.metadata.name))],
    ['Addresses', host.spec.addresses],
    ['Mesos traffic', mesosTrafficLines(host)],
    ['DNS', dnsLines(host)],
    ...flannelFields(host),
    ...(host.spec.bgp === undefined ? [] : [['BGP', hostBgpText(host.spec.bgp)] satisfies Field]),
    ['Endpoints', endpoints.filter(({ spec }) => spec.host === host.metadata.name).map(endpointLine)],
  ];
}

function agentLines(agent: AgentPresence | undefined): string[] {
  if (agent === undefined) return ['down: no sign of life'];
  const { version, since, problems = [] } = agent;
  return [`${problems.length === 0 ? 'up' : 'degraded'}, version ${version}, since ${since}`, ...problems];
}

export function hostEndpointFields(hostEndpoint: HostEndpoint, surroundings: Surroundings): Field[] {
  const { spec } = hostEndpoint;
  const { policies, forward } = hostEndpointRelations(hostEndpoint, surroundings);
  return [
    ['Host', spec.host],
    ['Interface', spec.interfaceName === '*' ? 'all of the host that have no HostEndpoint of their own' : spec.interfaceName],
    ['Addresses', spec.expectedIPs],
    ['Ports', spec.ports.map(({ name, protocol, port }) => `${name} ${protocol.toLowerCase()}/${port}`)],
    ['Default action', `${spec.defaultAction} what no policy is for, but for failsafe ports of its Host`],
    ['Policies', policies.map((policy) => policyTitle(policy))],
    ['Of what passes', forward.map((policy) => policyTitle(policy))],
  ];
}

function flannelFields({ spec: { flannel } }: Host): Field[] {
  if (flannel === undefined) return [];
  const whose = flannel.containers === 'Weir' ? "Weir's containers" : "flannel's CNI plugin";
  return [['Flannel lease', flannel.subnets.map((subnet) => `${subnet}, for ${whose}`)]];
}

function mesosTrafficLines({ spec: { mesosTraffic } }: Host): string[] {
  const { agentPorts, healthChecks } = mesosTraffic;
  const ports = agentPorts.length === 0 ? 'no port' : `port ${agentPorts.join(', ')}`;
  return [
    `containers reach ${ports} of the Mesos agent whatever policy says`,
    `health checks of the Mesos agent reach containers ${healthChecks === 'Always' ? 'whatever policy says' : 'as policy says'}`,
  ];
}

function dnsLines({ spec: { dns } }: Host): string[] {
  if (dns === undefined || dns.addresses.length === 0) return [];
  return [`containers ask ${dns.addresses.join(', ')} ${dns.queries === 'Always' ? 'whatever policy says' : 'as policy says'}`];
}
