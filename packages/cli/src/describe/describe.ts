/** Objects as people read them, with what they mean for others. */
import type { PoolUsage } from '@weir/ipam';
import {
  type Allocation,
  type AnyObject,
  BUILT_IN_TIERS,
  claimedAddresses,
  DEFAULT_TIER,
  type Endpoint,
  type GlobalPolicy,
  type Host,
  type HostEndpoint,
  type HostPort,
  keyOf,
  type Namespace,
  type NamespaceDefault,
  type Policy,
  type Pool,
  type Rule,
  type Service,
  type ServiceBackend,
  type ServicePort,
  serviceAddresses,
  serviceBackends,
  type Tier,
  targetPortOf,
  tierOf,
  WARNINGS_ANNOTATION,
} from '@weir/resources';
import { formatCount, formatUse } from '../ipam/ipam-table.ts';
import { compareAddresses } from '../output/address-order.ts';
import { formatLabels, labelsOfNamespace, servicePortText } from '../output/columns.ts';
import { inOrderOfEvaluation, selects, selectsHost } from '../output/policy-selection.ts';
import { policyStatus } from '../output/policy-status.ts';
import { ruleText } from '../output/rule-text.ts';
import { bgpFields, hostBgpText } from './describe-bgp.ts';

/** What else there is: the endpoints that a policy may select, the policies that may select an endpoint. */
export interface Surroundings {
  endpoints: readonly Endpoint[];
  policies: readonly (Policy | GlobalPolicy)[];
  namespaces: readonly Namespace[];
  /** Absent: only those that are built in. */
  tiers?: readonly Tier[];
  hostEndpoints?: readonly HostEndpoint[];
  /** Asked only of an endpoint. */
  services?: readonly Service[];
  /** How full the pools are; asked only of a pool. */
  usage?: readonly PoolUsage[];
}

export type Field = [name: string, value: string | readonly string[]];

export function describe(object: AnyObject, surroundings: Surroundings): string {
  const { metadata } = object;
  const fields: Field[] = [
    ['Name', metadata.name],
    ...(metadata.namespace === undefined ? [] : [['Namespace', metadata.namespace] satisfies Field]),
    ['Kind', object.kind],
    ['Labels', listOf(metadata.labels)],
    ['Annotations', listOf(metadata.annotations)],
    ...specFields(object, surroundings),
  ];
  const column = Math.max(...fields.map(([name]) => name.length)) + 4;
  return fields.map((field) => formatField(field, column)).join('');
}

function formatField([name, value]: Field, column: number): string {
  const lines = typeof value === 'string' ? [value] : value.length === 0 ? ['<none>'] : value;
  return lines
    .map((line, index) => `${(index === 0 ? `${name}:` : '').padEnd(column)}${line}`.trimEnd())
    .map((line) => `${line}\n`)
    .join('');
}

function specFields(object: AnyObject, surroundings: Surroundings): Field[] {
  switch (object.kind) {
    case 'Policy':
    case 'GlobalPolicy':
      return policyFields(object, surroundings);
    case 'Endpoint':
      return endpointFields(object, surroundings);
    case 'Tier':
      return tierFields(object, surroundings);
    case 'NetworkSet':
    case 'GlobalNetworkSet':
      return [['Nets', object.spec.nets]];
    case 'Pool':
      return poolFields(object, surroundings);
    case 'Host':
      return hostFields(object, surroundings);
    case 'HostEndpoint':
      return hostEndpointFields(object, surroundings);
    case 'Namespace':
      return namespaceFields(object, surroundings);
    case 'Block':
      return [
        ['CIDR', object.spec.cidr],
        ['Pool', object.spec.pool],
        ['Host', object.spec.host],
        [
          'Allocations',
          Object.entries(object.spec.allocations)
            .sort(([left], [right]) => compareAddresses(left, right))
            .map(([address, allocation]) => `${address} ${holderText(allocation, object.spec.host)}`),
        ],
      ];
    case 'Reservation':
      return [
        ['Addresses', object.spec.addresses],
        ['Requests', object.spec.requests === 'Allow' ? 'allowed: who asks for one of them gets it' : 'refused'],
      ];
    case 'Claim':
      return [
        ['Holds', claimedAddresses(object)],
        ['Wants', object.spec.addresses ?? ['any addresses']],
        ['Pools', object.spec.pools ?? ["those of the container's network"]],
        ['Families', object.spec.families ?? ["those of the container's network"]],
      ];
    case 'Service':
      return serviceFields(object, surroundings);
    case 'Network':
      return [['Address space', object.spec.addressSpace === 'Own' ? 'its own: of pools that name it' : 'shared with other networks']];
    case 'BgpConfig':
    case 'BgpPeer':
    case 'BgpFilter':
      return bgpFields(object);
    case 'IpamConfig':
      return [
        [
          'Borrowing',
          object.spec.strictAffinity
            ? 'no: a host gives addresses of its own blocks alone'
            : "from other hosts' blocks, when a pool is full",
        ],
        ['Cool-down', `${object.spec.cooldownSeconds} s`],
        ['Empty blocks', `given back after ${object.spec.emptyBlockSeconds} s`],
        ['Service ranges', object.spec.serviceRanges],
        ['Dead hosts', `lose empty blocks after ${object.spec.deadHostSeconds} s`],
      ];
  }
}

function hostEndpointFields(hostEndpoint: HostEndpoint, { policies, tiers = [] }: Surroundings): Field[] {
  const { spec } = hostEndpoint;
  const own = inOrderOfEvaluation(
    policies.filter((policy) => selectsHost(policy, hostEndpoint)),
    tiers,
  );
  const isForwarding = (policy: Policy | GlobalPolicy) => policy.kind === 'GlobalPolicy' && policy.spec.applyOnForward === true;
  return [
    ['Host', spec.host],
    ['Interface', spec.interfaceName === '*' ? 'all of the host that have no HostEndpoint of their own' : spec.interfaceName],
    ['Addresses', spec.expectedIPs],
    ['Ports', spec.ports.map(({ name, protocol, port }) => `${name} ${protocol.toLowerCase()}/${port}`)],
    ['Default action', `${spec.defaultAction} what no policy is for, but for failsafe ports of its Host`],
    ['Policies', own.map((policy) => policyTitle(policy))],
    ['Of what passes', own.filter(isForwarding).map((policy) => policyTitle(policy))],
  ];
}

function serviceFields(service: Service, { endpoints, namespaces }: Surroundings): Field[] {
  const { selector, ports, sessionAffinity } = service.spec;
  const backends = serviceBackends(service, endpoints, labelsOfNamespace(service, namespaces));
  return [
    ['Addresses', serviceAddresses(service)],
    ['Ports', ports.map(servicePortText)],
    ['Selector', selector ?? []],
    ['Session affinity', sessionAffinity === 'ClientIP' ? 'a client comes to the same backend, by its address' : 'none'],
    [
      'Backends',
      [`${backends.filter(({ ready }) => ready).length} of ${backends.length} ready`, ...backends.map((one) => backendLine(one, ports))],
    ],
  ];
}

/** `shop/web`, and whether it leads to the endpoint now; nothing where the endpoint is none of its backends. */
function behindText(service: Service, endpoint: Endpoint, namespaces: readonly Namespace[]): string[] {
  const [own] = serviceBackends(service, [endpoint], labelsOfNamespace(service, namespaces)).filter(
    (backend) => backend.endpoint !== undefined,
  );
  const { namespace, name } = service.metadata;
  return own === undefined ? [] : [`${namespace}/${name}${own.ready ? '' : ', which leads nobody to it: it is not ready'}`];
}

function backendLine({ endpoint, addresses, ready }: ServiceBackend, ports: readonly ServicePort[]): string {
  const named = endpoint === undefined ? [] : endpoint.spec.ports;
  const missing = ports.filter((port) => targetPortOf(port, named) === undefined).map(({ targetPort }) => `no port "${targetPort}"`);
  const state = [ready ? 'ready' : 'not ready', ...missing].join(', ');
  const who = endpoint === undefined ? 'outside of Weir' : `${endpoint.metadata.name} on ${endpoint.spec.host}`;
  return `${addresses.join(', ') || 'no address'}  ${state}  ${who}`;
}

function tierFields({ metadata, spec }: Tier, { policies, tiers = [] }: Surroundings): Field[] {
  const own = policies.filter((policy) => tierOf(policy.spec) === metadata.name);
  return [
    ['Order', spec.order === undefined ? 'last' : String(spec.order)],
    [
      'Default action',
      spec.defaultAction === 'Deny' ? 'Deny what none of its policies decided' : 'Pass on what none of its policies decided',
    ],
    ['Policies', inOrderOfEvaluation(own, tiers).map((policy) => policyTitle(policy, { tier: false }))],
  ];
}

function namespaceFields({ metadata, spec }: Namespace, { endpoints }: Surroundings): Field[] {
  const { defaultAction, defaultIngress = defaultAction, defaultEgress = defaultAction, labelsToApply = {} } = spec;
  return [
    ['Default ingress', `${defaultIngress} where no policy decides`],
    ['Default egress', `${defaultEgress} where no policy decides`],
    ['Labels to apply', listOf(labelsToApply)],
    ['Endpoints', endpoints.filter((endpoint) => endpoint.metadata.namespace === metadata.name).map(endpointLine)],
  ];
}

/** What has an address: a container, with its host when that is not the block's own, and the claim that keeps it. */
function holderText({ containerId, interfaceName, host, claim }: Allocation, owner: string): string {
  const parts = containerId === undefined ? [] : [containerId, interfaceName, ...(host === owner ? [] : [`on ${host}`])];
  return [...parts, ...(claim === undefined ? [] : [`claim ${claim}`])].join(' ');
}

function policyFields(policy: Policy | GlobalPolicy, surroundings: Surroundings): Field[] {
  const { endpoints, namespaces, hostEndpoints = [], policies, tiers = [] } = surroundings;
  const { metadata, spec } = policy;
  const selected = endpoints.filter((endpoint) => selects(policy, endpoint, namespaces));
  const hosts = hostEndpoints.filter((hostEndpoint) => selectsHost(policy, hostEndpoint));
  const ofTier = inOrderOfEvaluation(
    policies.filter((other) => tierOf(other.spec) === tierOf(spec)),
    tiers,
  );
  const place = ofTier.findIndex((other) => keyOf(other) === keyOf(policy));
  const tierNames = new Set([...BUILT_IN_TIERS.keys(), ...tiers.map((tier) => tier.metadata.name)]);
  return [
    ['Status', policyStatus(policy, tierNames)],
    ['Tier', tierOf(spec)],
    ['Order', spec.order === undefined ? 'last' : String(spec.order)],
    ...(place === -1 ? [] : [['Asked', `${place + 1} of ${ofTier.length} in the tier`] satisfies Field]),
    ...('applyOnForward' in spec ? [['On forward', 'also for what passes through hosts'] satisfies Field] : []),
    ...(policy.kind === 'GlobalPolicy' ? [['Namespaces', policy.spec.namespaceSelector ?? 'all()'] satisfies Field] : []),
    ['Selector', spec.selector],
    ['Types', spec.types.join(', ')],
    ...(spec.types.includes('Ingress') ? [['Ingress', ruleLines(spec.ingress, metadata.namespace)] satisfies Field] : []),
    ...(spec.types.includes('Egress') ? [['Egress', ruleLines(spec.egress, metadata.namespace)] satisfies Field] : []),
    ['Selects', [...selected.map(endpointLine), ...hosts.map(hostEndpointLine)]],
  ];
}

function endpointFields(endpoint: Endpoint, { policies, namespaces, services = [], tiers = [] }: Surroundings): Field[] {
  const { spec } = endpoint;
  const behind = services.flatMap((service) => behindText(service, endpoint, namespaces));
  const own = inOrderOfEvaluation(
    policies.filter((policy) => selects(policy, endpoint, namespaces)),
    tiers,
  );
  const named = (direction: 'Ingress' | 'Egress') =>
    own.filter((policy) => policy.spec.types.includes(direction)).map((policy) => policyTitle(policy));
  const home = namespaces.find(({ metadata }) => metadata.name === endpoint.metadata.namespace)?.spec;
  const none = (own: NamespaceDefault | undefined) => [
    `<none>: ${spec.defaultAction === 'Deny' ? 'Deny' : (own ?? home?.defaultAction ?? 'Allow')} by default`,
  ];
  return [
    ...warningFields(endpoint),
    ['Host', spec.host],
    ['Container', spec.containerId],
    ...mesosFields(spec),
    ['Network', spec.network],
    ['Addresses', spec.addresses],
    ['Interface', `${spec.interfaceName} in the container, ${spec.hostInterface} on the host`],
    ...(spec.mac === undefined ? [] : [['MAC', spec.mac] satisfies Field]),
    ['Host ports', (spec.hostPorts ?? []).map(hostPortText)],
    ['Ports', spec.ports.map(({ name, port, protocol }) => `${name} ${port}/${protocol}`)],
    ...(behind.length === 0 ? [] : [['Services', behind] satisfies Field]),
    ['Ingress by', named('Ingress').length > 0 ? named('Ingress') : none(home?.defaultIngress)],
    ['Egress by', named('Egress').length > 0 ? named('Egress') : none(home?.defaultEgress)],
  ];
}

/** What of the task's labels could not be followed; first, since it is why somebody looks. */
function warningFields({ metadata, spec }: Endpoint): Field[] {
  const told = metadata.annotations[WARNINGS_ANNOTATION]?.split('\n') ?? [];
  const waits = spec.waitsForLabels ? ['closed: the labels of its task are not known yet'] : [];
  const warnings = [...waits, ...told];
  return warnings.length === 0 ? [] : [['Warnings', warnings]];
}

function mesosFields({ mesos }: Endpoint['spec']): Field[] {
  if (mesos === undefined) return [];
  const { task = 'not known yet', app, framework, role, healthy } = mesos;
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

const VISIBILITY: Readonly<Record<Pool['spec']['visibility'], string>> = {
  Private: 'hosts and containers of this cluster alone begin flows to them',
  Routed: 'whoever has a route reaches them',
  Exported: 'whoever has a route reaches them; announced to the fabric, where there are BGP peers',
};

const ROUTES: Readonly<Record<Pool['spec']['routes'], string>> = {
  Blocks: 'hosts have them from the store',
  Bgp: 'hosts have them from each other and the fabric, by BGP',
  None: 'none: the subnet of a link leads there',
  Flannel: 'to leases of a flannel network, by its backend',
};

function poolFields({ metadata, spec }: Pool, { usage = [] }: Surroundings): Field[] {
  const own = usage.find(({ pool }) => pool === metadata.name);
  return [
    ['CIDR', spec.cidr],
    ['Block size', `/${spec.blockSize}`],
    ['State', spec.disabled ? 'disabled: no new addresses' : 'enabled'],
    ['VXLAN', { Never: 'never', Always: 'to every host', CrossSubnet: 'to hosts of other subnets' }[spec.vxlan]],
    ['Outgoing', spec.natOutgoing ? 'to addresses of no pool as their host' : 'under their own addresses'],
    ['Visibility', VISIBILITY[spec.visibility]],
    ['Routes', ROUTES[spec.routes]],
    ['For', poolUsers(spec)],
    ...(own === undefined
      ? []
      : ([
          ['In use', useText(own)],
          ['Blocks', own.blocks.map((block) => `${block.block} on ${block.host}: ${useText(block)}`)],
        ] satisfies Field[])),
  ];
}

function poolUsers({ hostSelector, namespaceSelector, selector }: Pool['spec']): string[] {
  const users = [
    ...(hostSelector === undefined ? [] : [`hosts with ${hostSelector}`]),
    ...(namespaceSelector === undefined ? [] : [`namespaces with ${namespaceSelector}`]),
    ...(selector === undefined ? [] : [`endpoints with ${selector}`]),
  ];
  return users.length === 0 ? ['every container'] : users;
}

function useText(usage: { used: number; size: number }): string {
  return `${formatCount(usage.used)} of ${formatCount(usage.size)} addresses (${formatUse(usage)})`;
}

function hostFields(host: Host, { endpoints }: Surroundings): Field[] {
  return [
    ['Addresses', host.spec.addresses],
    ['Mesos traffic', mesosTrafficLines(host)],
    ['DNS', dnsLines(host)],
    ...flannelFields(host),
    ...(host.spec.bgp === undefined ? [] : [['BGP', hostBgpText(host.spec.bgp)] satisfies Field]),
    ['Endpoints', endpoints.filter(({ spec }) => spec.host === host.metadata.name).map(endpointLine)],
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

function policyTitle({ kind, metadata, spec }: Policy | GlobalPolicy, { tier = true } = {}): string {
  const remarks = [...(tier && tierOf(spec) !== DEFAULT_TIER ? [`tier ${tierOf(spec)}`] : []), ...(spec.staged ? ['staged'] : [])];
  return `${kind.toLowerCase()}/${metadata.name}${remarks.length === 0 ? '' : ` (${remarks.join(', ')})`}`;
}

function hostEndpointLine({ metadata, spec }: HostEndpoint): string {
  return `hostendpoint/${metadata.name}: ${spec.interfaceName} of ${spec.host} (${formatLabels(metadata.labels)})`;
}

function endpointLine({ metadata, spec }: Endpoint): string {
  return `${metadata.namespace}/${metadata.name} on ${spec.host}, ${spec.addresses.join(', ') || 'no address'} (${formatLabels(metadata.labels)})`;
}

function ruleLines(rules: readonly Rule[], namespace: string | undefined): string[] {
  return rules.length === 0 ? ['<no rule>: nothing is allowed'] : rules.map((rule, index) => `[${index}] ${ruleText(rule, namespace)}`);
}

function listOf(entries: Record<string, string>): string[] {
  return Object.entries(entries)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`);
}
