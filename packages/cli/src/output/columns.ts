/** Which fields of an object stand in its row. */
import {
  type AnyObject,
  APP_LABEL,
  type BgpConfig,
  type BgpFilter,
  type BgpPeer,
  type Block,
  CLUSTER_LABEL,
  type Claim,
  claimedAddresses,
  containerTitle,
  type Endpoint,
  type GlobalNetworkSet,
  type GlobalPolicy,
  type Host,
  type HostEndpoint,
  type IpamConfig,
  type Kind,
  type Labels,
  type Namespace,
  type Network,
  type NetworkSet,
  type ObjectOf,
  type Policy,
  type Pool,
  type RemoteCluster,
  type RemoteEndpoint,
  type Reservation,
  type Service,
  type ServicePort,
  serviceAddresses,
  serviceBackends,
  type Tier,
  tierOf,
} from '@weir/resources';
import { countSelected, endpointKinds, selectsHost } from './policy-selection.ts';
import { type InvalidRow, policyStatus, type StatusContext } from './policy-status.ts';
import { remoteState, remoteStatus } from './remote-state.ts';
import type { Column } from './table.ts';

interface KindColumns<T> {
  narrow: Column<T>[];
  /** Added to the right with `-o wide`. */
  wide: Column<T>[];
}

const name: Column<Pick<AnyObject, 'metadata'>> = { header: 'NAME', value: ({ metadata }) => metadata.name };
/** Names of endpoints hold the whole id of the container. */
const derivedName: Column<Pick<AnyObject, 'metadata'>> = { ...name, shrinks: true };
const namespace: Column<Pick<AnyObject, 'metadata'>> = { header: 'NAMESPACE', value: ({ metadata }) => metadata.namespace ?? '' };
const labels: Column<AnyObject> = { header: 'LABELS', value: ({ metadata }) => formatLabels(metadata.labels), shrinks: true };
/** Which document a policy was made from, when it was not written in Weir's own form. */
const source: Column<AnyObject> = { header: 'SOURCE', value: ({ metadata }) => metadata.annotations['weir/source'] ?? '', shrinks: true };

/** A set may be of thousands: a table shows how it begins. */
const SHOWN_NETS = 10;
const nets: Column<NetworkSet | GlobalNetworkSet> = {
  header: 'NETS',
  value: ({ spec: { nets: all } }) =>
    all.length <= SHOWN_NETS ? all.join(',') : `${all.length} CIDRs: ${all.slice(0, SHOWN_NETS).join(',')},…`,
  shrinks: true,
};

const policyRules: Column<Policy | GlobalPolicy>[] = [
  { header: 'INGRESS', value: ({ spec }) => String(spec.ingress.length), align: 'right' },
  { header: 'EGRESS', value: ({ spec }) => String(spec.egress.length), align: 'right' },
];
const policyNarrow: Column<Policy | GlobalPolicy>[] = [
  { header: 'TIER', value: ({ spec }) => tierOf(spec) },
  { header: 'ORDER', value: ({ spec }) => (spec.order === undefined ? 'last' : String(spec.order)), align: 'right' },
  { header: 'TYPES', value: ({ spec }) => spec.types.join(',') },
  { header: 'SELECTOR', value: ({ spec }) => spec.selector, shrinks: true },
];

const byKind: { [K in Kind]: KindColumns<ObjectOf<K>> } = {
  Endpoint: {
    narrow: [
      { header: 'HOST', value: ({ spec }: Endpoint) => spec.host },
      { header: 'ADDRESS', value: ({ spec }) => spec.addresses.join(',') },
      { header: 'NETWORK', value: ({ spec }) => spec.network },
      { header: 'LABELS', value: ({ metadata }) => formatOwnLabels(metadata.labels), shrinks: true },
    ],
    wide: [
      { header: 'APP', value: ({ metadata }: Endpoint) => metadata.labels[APP_LABEL] ?? '' },
      { header: 'INTERFACE', value: ({ spec }) => spec.interfaceName },
      { header: 'HOST-INTERFACE', value: ({ spec }) => spec.hostInterface },
      { header: 'MAC', value: ({ spec }) => spec.mac ?? '' },
      {
        header: 'PORTS',
        value: ({ spec }) => spec.ports.map((port) => `${port.name}:${port.port}/${port.protocol}`).join(','),
        shrinks: true,
      },
      { header: 'CONTAINER', value: ({ spec }) => containerTitle(spec), shrinks: true },
    ],
  },
  Tier: {
    narrow: [
      { header: 'ORDER', value: ({ spec }: Tier) => (spec.order === undefined ? 'last' : String(spec.order)), align: 'right' },
      { header: 'DEFAULT-ACTION', value: ({ spec }) => spec.defaultAction },
    ],
    wide: [labels],
  },
  Policy: { narrow: policyNarrow, wide: [...policyRules, source, labels] },
  GlobalPolicy: {
    narrow: policyNarrow,
    wide: [
      { header: 'NAMESPACES', value: ({ spec }: GlobalPolicy) => spec.namespaceSelector ?? 'all()', shrinks: true },
      ...policyRules,
      source,
      labels,
    ],
  },
  NetworkSet: { narrow: [nets, labels], wide: [] },
  GlobalNetworkSet: { narrow: [nets, labels], wide: [] },
  Pool: {
    narrow: [
      { header: 'CIDR', value: ({ spec }: Pool) => spec.cidr },
      { header: 'BLOCKSIZE', value: ({ spec }) => `/${spec.blockSize}` },
      { header: 'STATE', value: ({ spec }) => (spec.disabled ? 'disabled' : 'enabled') },
    ],
    wide: [
      { header: 'NETWORK', value: ({ spec }) => spec.network ?? '' },
      { header: 'VXLAN', value: ({ spec }) => spec.vxlan },
      { header: 'NAT', value: ({ spec }) => (spec.natOutgoing ? 'outgoing' : 'none') },
      { header: 'VISIBILITY', value: ({ spec }) => spec.visibility },
      { header: 'ROUTES', value: ({ spec }) => spec.routes },
      { header: 'HOSTS', value: ({ spec }) => spec.hostSelector ?? 'all()', shrinks: true },
      { header: 'NAMESPACES', value: ({ spec }) => spec.namespaceSelector ?? 'all()', shrinks: true },
      { header: 'SELECTOR', value: ({ spec }) => spec.selector ?? 'all()', shrinks: true },
      labels,
    ],
  },
  Network: { narrow: [{ header: 'ADDRESS SPACE', value: ({ spec }: Network) => spec.addressSpace }], wide: [labels] },
  Reservation: {
    narrow: [
      { header: 'ADDRESSES', value: ({ spec }: Reservation) => spec.addresses.join(','), shrinks: true },
      { header: 'REQUESTS', value: ({ spec }) => spec.requests },
    ],
    wide: [labels],
  },
  Claim: {
    narrow: [
      { header: 'HOLDS', value: (claim: Claim) => claimedAddresses(claim).join(',') },
      { header: 'WANTS', value: ({ spec }) => (spec.addresses ?? spec.pools ?? spec.families ?? ['any']).join(','), shrinks: true },
    ],
    wide: [labels],
  },
  Service: {
    narrow: [
      { header: 'ADDRESS', value: (service: Service) => serviceAddresses(service).join(',') },
      { header: 'PORTS', value: ({ spec }) => spec.ports.map(servicePortText).join(',') },
    ],
    wide: [
      { header: 'SELECTOR', value: ({ spec }) => spec.selector ?? '', shrinks: true },
      { header: 'AFFINITY', value: ({ spec }) => spec.sessionAffinity },
      labels,
    ],
  },
  IpamConfig: {
    narrow: [
      { header: 'STRICT-AFFINITY', value: ({ spec }: IpamConfig) => String(spec.strictAffinity) },
      { header: 'COOLDOWN', value: ({ spec }) => `${spec.cooldownSeconds}s`, align: 'right' },
      { header: 'EMPTY-BLOCK', value: ({ spec }) => `${spec.emptyBlockSeconds}s`, align: 'right' },
      { header: 'DEAD-HOST', value: ({ spec }) => `${spec.deadHostSeconds}s`, align: 'right' },
    ],
    wide: [labels],
  },
  Host: {
    narrow: [
      { header: 'ADDRESS', value: ({ spec }: Host) => spec.addresses.join(',') },
      { header: 'MESOS-TRAFFIC', value: ({ spec }) => formatMesosTraffic(spec.mesosTraffic) },
    ],
    wide: [labels],
  },
  HostEndpoint: {
    narrow: [
      { header: 'HOST', value: ({ spec }: HostEndpoint) => spec.host },
      { header: 'INTERFACE', value: ({ spec }) => spec.interfaceName },
      { header: 'ADDRESS', value: ({ spec }) => spec.expectedIPs.join(',') },
      { header: 'DEFAULT', value: ({ spec }) => spec.defaultAction },
      labels,
    ],
    wide: [],
  },
  Namespace: {
    narrow: [
      { header: 'DEFAULT-INGRESS', value: ({ spec }: Namespace) => spec.defaultIngress ?? spec.defaultAction },
      { header: 'DEFAULT-EGRESS', value: ({ spec }) => spec.defaultEgress ?? spec.defaultAction },
      labels,
    ],
    wide: [{ header: 'LABELS-TO-APPLY', value: ({ spec }) => formatLabels(spec.labelsToApply ?? {}), shrinks: true }],
  },
  BgpConfig: {
    narrow: [
      { header: 'AS', value: ({ spec }: BgpConfig) => String(spec.asNumber), align: 'right' },
      { header: 'MESH', value: ({ spec }) => (spec.nodeMesh ? 'on' : 'off') },
      { header: 'PORT', value: ({ spec }) => String(spec.port), align: 'right' },
      { header: 'SERVICES', value: ({ spec }) => spec.serviceAddresses.join(',') || '<none>', shrinks: true },
    ],
    wide: [labels],
  },
  BgpPeer: {
    narrow: [
      { header: 'HOSTS', value: ({ spec }: BgpPeer) => spec.host ?? spec.hostSelector ?? 'all()', shrinks: true },
      { header: 'PEER', value: ({ spec }) => spec.address ?? spec.peerSelector ?? '', shrinks: true },
      { header: 'AS', value: ({ spec }) => String(spec.asNumber ?? ''), align: 'right' },
      { header: 'FILTERS', value: ({ spec }) => spec.filters.join(',') || '<none>' },
    ],
    wide: [{ header: 'PASSWORD', value: ({ spec }) => (spec.password === undefined ? 'none' : 'set') }, labels],
  },
  BgpFilter: {
    narrow: [
      { header: 'IMPORT', value: ({ spec }: BgpFilter) => String(spec.import.length), align: 'right' },
      { header: 'EXPORT', value: ({ spec }) => String(spec.export.length), align: 'right' },
    ],
    wide: [labels],
  },
  RemoteCluster: {
    narrow: [
      { header: 'CIDRS', value: ({ spec }: RemoteCluster) => spec.cidrs.join(','), shrinks: true },
      { header: 'ENDPOINTS', value: (cluster) => String(remoteStatus(cluster)?.endpoints ?? 0), align: 'right' },
    ],
    wide: [labels],
  },
  RemoteEndpoint: {
    narrow: [
      { header: 'CLUSTER', value: ({ spec }: RemoteEndpoint) => spec.cluster },
      { header: 'HOST', value: ({ spec }) => spec.host },
      { header: 'ADDRESS', value: ({ spec }) => spec.addresses.join(',') },
      { header: 'LABELS', value: ({ metadata }) => formatOwnLabels(metadata.labels), shrinks: true },
    ],
    wide: [
      { header: 'APP', value: ({ metadata }: RemoteEndpoint) => metadata.labels[APP_LABEL] ?? '' },
      { header: 'READY', value: ({ spec }) => String(spec.ready) },
    ],
  },
  Block: {
    narrow: [
      { header: 'CIDR', value: ({ spec }: Block) => spec.cidr },
      { header: 'POOL', value: ({ spec }) => spec.pool },
      { header: 'HOST', value: ({ spec }) => spec.host },
      { header: 'USED', value: ({ spec }) => String(Object.keys(spec.allocations).length), align: 'right' },
    ],
    wide: [labels],
  },
};

export interface PolicedObjects extends StatusContext {
  endpoints: readonly Endpoint[];
  hostEndpoints: readonly HostEndpoint[];
  namespaces: readonly Namespace[];
}

const NOTHING: PolicedObjects = { tiers: new Set(), unreadableFor: () => [], endpoints: [], hostEndpoints: [], namespaces: [] };

export interface ColumnOptions {
  wide: boolean;
  namespaces: boolean;
  /** What there is beside policies: for their status, and how many endpoints each is for. */
  policed?: PolicedObjects | undefined;
  /** All there are, for how many of a service's backends are ready. */
  backends?: { endpoints: readonly Endpoint[]; namespaces: readonly Namespace[] } | undefined;
  /** The hosts whose agents give signs of life, for whether anybody reads a remote cluster. */
  agents?: ReadonlyMap<string, unknown> | undefined;
}

/** The columns of a kind's table. */
export function columnsOf(
  kind: Kind,
  { wide, namespaces, policed = NOTHING, backends, agents }: ColumnOptions,
): Column<AnyObject | InvalidRow>[] {
  const own = byKind[kind] as KindColumns<AnyObject>;
  const status: Column<AnyObject> = { header: 'STATUS', value: (object) => policyStatus(object as Policy | GlobalPolicy, policed) };
  return [
    ...(namespaces ? [ofAny(namespace)] : []),
    ofAny(kind === 'Endpoint' || kind === 'RemoteEndpoint' ? derivedName : name),
    ...own.narrow.map(ofValid),
    ...(kind === 'Service' && backends !== undefined ? [ofValid(readiness(backends) as Column<AnyObject>)] : []),
    ...(kind === 'RemoteCluster' && agents !== undefined
      ? [ofValid({ header: 'STATE', value: (cluster) => remoteState(cluster as RemoteCluster, agents), shrinks: true })]
      : []),
    ...(wide && isPolicy(kind)
      ? [
          { ...status, value: (row: AnyObject | InvalidRow) => ('invalid' in row ? row.invalid : status.value(row)) },
          ofValid(selectionSize(policed) as Column<AnyObject>),
        ]
      : []),
    ...(wide ? own.wide.map(ofValid) : []),
  ];
}

/** How many endpoints of containers and of hosts. */
function selectionSize({ endpoints, hostEndpoints, namespaces }: PolicedObjects): Column<Policy | GlobalPolicy> {
  const kinds = endpointKinds(endpoints, namespaces);
  const value = (policy: Policy | GlobalPolicy) =>
    String(countSelected(policy, kinds) + hostEndpoints.filter((endpoint) => selectsHost(policy, endpoint)).length);
  return { header: 'SELECTS', value, align: 'right' };
}

function readiness({ endpoints, namespaces }: NonNullable<ColumnOptions['backends']>): Column<Service> {
  const value = (service: Service) => {
    const backends = serviceBackends(service, endpoints, labelsOfNamespace(service, namespaces));
    return `${backends.filter(({ ready }) => ready).length}/${backends.length}`;
  };
  return { header: 'READY', value, align: 'right' };
}

/** Those that all endpoints of a service's namespace have. */
export function labelsOfNamespace({ metadata }: Service, namespaces: readonly Namespace[]): Labels {
  return namespaces.find(({ metadata: { name: one } }) => one === metadata.namespace)?.spec.labelsToApply ?? {};
}

/** `80/TCP`, `http 80->8000/TCP`, with `host 30080` where the hosts have a port for it. */
export function servicePortText({ name, port, targetPort = port, protocol, hostPort }: ServicePort): string {
  const way = targetPort === port ? `${port}` : `${port}->${targetPort}`;
  return `${name === undefined ? '' : `${name} `}${way}/${protocol}${hostPort === undefined ? '' : ` host ${hostPort}`}`;
}

export function isPolicy(kind: Kind): boolean {
  return kind === 'Policy' || kind === 'GlobalPolicy';
}

function ofAny(column: Column<Pick<AnyObject, 'metadata'>>): Column<AnyObject | InvalidRow> {
  return column;
}

/** Nothing is known of what cannot be read. */
function ofValid(column: Column<AnyObject>): Column<AnyObject | InvalidRow> {
  return { ...column, value: (row) => ('invalid' in row ? '' : column.value(row)) };
}

/** `env=prod,run=web`, by key; `<none>` where there are none, as kubectl prints it. */
export function formatLabels(labels: Record<string, string>): string {
  const entries = Object.entries(labels).sort(([left], [right]) => (left < right ? -1 : 1));
  return entries.length === 0 ? '<none>' : entries.map(([key, value]) => `${key}=${value}`).join(',');
}

/** As `formatLabels`, without what Weir itself says of a task (`weir/app`, `weir/framework`, `weir/role`), unless there is nothing else; that it is of another cluster stays. */
export function formatOwnLabels(labels: Record<string, string>): string {
  const own = Object.entries(labels).filter(([key]) => !key.startsWith('weir/') || key === CLUSTER_LABEL);
  return formatLabels(own.length === 0 ? labels : Object.fromEntries(own));
}

/** The built-in allowance for Mesos, in short: which ports of the Mesos agent containers reach, and whether its health checks reach them. */
export function formatMesosTraffic({ agentPorts, healthChecks }: Host['spec']['mesosTraffic']): string {
  const allowed = [...(agentPorts.length > 0 ? [`:${agentPorts.join(',:')}`] : []), ...(healthChecks === 'Always' ? ['checks'] : [])];
  return allowed.length === 0 ? 'none' : allowed.join(' + ');
}
