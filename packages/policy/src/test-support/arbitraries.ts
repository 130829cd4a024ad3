import { type AnyObject, familyOf, type Peer, parseObject, type Rule } from '@weir/resources';
import fc from 'fast-check';
import type { Packet } from './packet.ts';

// Small pools, so that things meet: addresses lie in nets, labels are shared, ports are named, and two endpoints may claim one address.
const NAMESPACES = ['red', 'blue'];
const ADDRESSES = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.1.1', 'fd00::1', 'fd00::2', 'fd00::3', 'fd00::4'];
/** The host's own. */
const HOST_ADDRESSES = ['10.0.2.1', 'fd00:2::1'];
const STRANGERS = ['10.0.0.200', '192.168.1.1', '8.8.8.8', '0.0.0.0', '255.255.255.255', '127.255.255.255', 'fd00::ff', '2001:db8::1'];
const NETS = [
  '10.0.0.0/24',
  '10.0.0.0/30',
  '10.0.0.2/32',
  '10.0.0.4/31',
  '0.0.0.0/0',
  '0.0.0.0/1',
  '128.0.0.0/1',
  '192.168.0.0/16',
  'fd00::/64',
  'fd00::2/127',
  'fd00::1/128',
  '::/0',
];
/** A long list, as such lists go: many narrow ones, beside and round the addresses that there are, and next to the ends of the address space. */
const SCATTERED = [
  '0.0.0.0/30',
  '8.8.8.8/31',
  '10.0.0.0/31',
  '10.0.0.4/30',
  '10.0.0.200/29',
  '10.0.1.0/30',
  '127.255.255.254/31',
  '128.0.0.0/31',
  '192.168.0.0/20',
  '200.1.0.0/16',
  '255.255.255.252/30',
  '::/16',
  '2001:db8::/126',
  '2001:db8:1::/48',
  'fd00::2/127',
  'fd00::4/126',
  'fd00::fe/127',
  'ff00::/8',
];
const SELECTORS = [
  'all()',
  'app == "x"',
  'app != "y"',
  'app in {"x", "y"}',
  'app not in {"x"}',
  'has(tier)',
  '!has(app)',
  'app == "x" && tier == "y"',
  'app == "x" || tier == "y"',
  'app starts with "x"',
  'app ends with "y"',
  'app contains "x" && !(tier == "x")',
];
/** Endpoints of other clusters are peers, and a policy is for none of them. */
const PEER_SELECTORS = [...SELECTORS, 'weir/cluster == "east"', 'weir/cluster != "east" && app == "x"', '!has(weir/cluster) || app == "x"'];
const NAMESPACE_SELECTORS = [
  'all()',
  'team == "a"',
  'team != "a"',
  'kubernetes.io/metadata.name == "red"',
  'global()',
  '!global()',
  'global() || team == "a"',
];
const PORTS = [80, 443, '1:100', '8000:8080', '8080:65535', 'http', 'dns'];
/** Names that DNS tells of, and what rules may say of them. */
export const DNS_NAMES = ['a.test', 'x.a.test', 'b.test'];
export const DOMAINS = [['a.test'], ['*.a.test'], ['*.test'], ['b.test', '*.a.test']];

const labels = fc.record({ app: fc.constantFrom('x', 'y', 'xy'), tier: fc.constantFrom('x', 'y') }, { requiredKeys: [] });
const some = <T>(from: readonly T[], maximum = 2) => fc.uniqueArray(fc.constantFrom(...from), { minLength: 1, maxLength: maximum });
const name = fc.constantFrom('p', 'q', 'r', 's');
const action = fc.constantFrom<'Allow' | 'Deny'>('Allow', 'Deny');

const scattered = fc.shuffledSubarray(SCATTERED, { minLength: 6 });

const where: fc.Arbitrary<Peer> = fc.record(
  {
    nets: some(NETS, 3),
    notNets: some(NETS),
    selector: fc.constantFrom(...PEER_SELECTORS),
    notSelector: fc.constantFrom(...PEER_SELECTORS),
    namespaceSelector: fc.constantFrom(...NAMESPACE_SELECTORS),
  },
  { requiredKeys: [] },
);
/** Few criteria: with all at once, next to nothing matches. */
const place = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Peer>({}) },
  { weight: 2, arbitrary: fc.constantFrom(...PEER_SELECTORS).map((selector): Peer => ({ selector })) },
  { weight: 2, arbitrary: fc.oneof({ weight: 2, arbitrary: some(NETS) }, scattered).map((nets): Peer => ({ nets })) },
  { weight: 2, arbitrary: where },
);
const ports: fc.Arbitrary<Peer> = fc.oneof(
  { weight: 2, arbitrary: fc.constant<Peer>({}) },
  { weight: 1, arbitrary: some(PORTS).map((list): Peer => ({ ports: list })) },
  { weight: 1, arbitrary: fc.record({ ports: some(PORTS), notPorts: some(PORTS) }, { requiredKeys: [] }) },
);
/** Echoes of both families, and those questions of each that conntrack takes for flows, too: of the time, and of a node's names. */
const icmpType = fc.constantFrom(0, 8, 13, 128, 139);
const icmp = fc.oneof(fc.record({ type: icmpType }), fc.record({ type: icmpType, code: fc.constantFrom(0, 3) }));

const traffic: fc.Arbitrary<Partial<Rule>> = fc.oneof(
  fc.constant({}),
  fc.record({ notProtocol: fc.constantFrom<NonNullable<Rule['protocol']>[]>('TCP', 'UDP', 'ICMP', 'ICMPv6', 47) }),
  fc.record({ protocol: fc.constantFrom<NonNullable<Rule['protocol']>[]>('TCP', 'UDP', 'ICMP', 'ICMPv6', 47) }),
  fc.record({ ipVersion: fc.constantFrom<4 | 6>(4, 6) }),
  fc.record({ protocol: fc.constantFrom('ICMP', 'ICMPv6'), icmp, notICMP: icmp }, { requiredKeys: ['protocol'] }) as fc.Arbitrary<
    Partial<Rule>
  >,
  fc
    .record({ protocol: fc.constantFrom('TCP', 'UDP', 'SCTP', 'UDPLite'), source: ports, destination: ports })
    .map((rule) => rule as Partial<Rule>),
);

const rule: fc.Arbitrary<Rule> = fc
  .record({
    action: fc.oneof({ weight: 6, arbitrary: action }, { weight: 2, arbitrary: fc.constantFrom<Rule['action']>('Log', 'Pass', 'Pass') }),
    traffic,
    source: place,
    destination: place,
  })
  .map(({ action: does, traffic: what, source, destination }) => ({
    action: does,
    ...what,
    source: { ...what.source, ...source },
    destination: { ...what.destination, ...destination },
  }))
  .map(withinOneFamily);

/** Of the far end; the schema refuses all else that would say who that is. */
const serviceRule = (far: 'source' | 'destination'): fc.Arbitrary<Rule> =>
  fc
    .record({ does: action, ofOwn: place, services: fc.record({ name, namespace: fc.constantFrom(...NAMESPACES) }), ports })
    .map(({ does, ofOwn, services, ports: own }) => {
      if (far === 'destination') return { action: does, source: ofOwn, destination: { services } };
      const hasPorts = own.ports !== undefined || own.notPorts !== undefined;
      return { action: does, ...(hasPorts && { protocol: 'TCP' as const }), source: { services }, destination: { ...ofOwn, ...own } };
    });

/** Only what egress allows has domains. */
const domainRule: fc.Arbitrary<Rule> = fc
  .record({ source: place, destination: place, domains: fc.constantFrom(...DOMAINS), what: traffic })
  .map(({ source, destination, domains, what }) =>
    withinOneFamily({
      action: 'Allow',
      ...what,
      source: { ...what.source, ...source },
      destination: { ...what.destination, ...destination, domains },
    }),
  );

/** The schema refuses a rule whose nets are of another family than its protocol or version. */
function withinOneFamily(made: Rule): Rule {
  const version = made.ipVersion ?? (made.protocol === 'ICMP' ? 4 : made.protocol === 'ICMPv6' ? 6 : undefined);
  if (version === undefined) return made;
  const kept = (nets: string[] | undefined) => nets?.filter((net) => (familyOf(net) === 'IPv4') === (version === 4));
  const side = ({ nets, notNets, ...rest }: Peer): Peer => ({
    ...rest,
    ...(kept(nets)?.length && { nets: kept(nets)! }),
    ...(kept(notNets)?.length && { notNets: kept(notNets)! }),
  });
  return { ...made, source: side(made.source ?? {}), destination: side(made.destination ?? {}) };
}

/** Some with an object, some built in, one that never is. */
const TIERS = ['early', 'middle', 'late'];
const tierName = fc.oneof(
  { weight: 5, arbitrary: fc.constant('default') },
  { weight: 4, arbitrary: fc.constantFrom('kube-admin', 'kube-baseline') },
  { weight: 2, arbitrary: fc.constantFrom(...TIERS) },
);

const policySpec = {
  tier: tierName,
  staged: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  order: fc.option(fc.constantFrom(1, 2), { nil: undefined }),
  selector: fc.constantFrom(...SELECTORS),
  types: fc.subarray<'Ingress' | 'Egress'>(['Ingress', 'Egress'], { minLength: 1 }),
  ingress: fc.array(fc.oneof({ weight: 8, arbitrary: rule }, { weight: 1, arbitrary: serviceRule('source') }), { maxLength: 4 }),
  egress: fc.array(
    fc.oneof({ weight: 8, arbitrary: rule }, { weight: 1, arbitrary: serviceRule('destination') }, { weight: 1, arbitrary: domainRule }),
    { maxLength: 3 },
  ),
};

/** Objects that say nothing are left out, as their schemas want it: `{}` for a side, rules of a direction that the policy is not for. */
function tidy(spec: { types: string[]; ingress: Rule[]; egress: Rule[]; order?: number | undefined }): unknown {
  return JSON.parse(
    JSON.stringify({
      ...spec,
      ingress: spec.types.includes('Ingress') ? spec.ingress : [],
      egress: spec.types.includes('Egress') ? spec.egress : [],
    }),
  );
}

const object = (kind: string, metadata: object, spec: unknown): AnyObject => parseObject({ apiVersion: 'weir/v1', kind, metadata, spec });

const namespaceDefault = fc.constantFrom('Allow', 'Allow', 'Deny', 'SameNamespace');
const namespaceSpec = fc.record(
  { defaultAction: namespaceDefault, defaultIngress: namespaceDefault, defaultEgress: namespaceDefault, labelsToApply: labels },
  { requiredKeys: ['defaultAction'] },
);

const namespace = fc
  .record({ name: fc.constantFrom(...NAMESPACES), team: fc.constantFrom('a', 'b'), spec: namespaceSpec })
  .map((made) => object('Namespace', { name: made.name, labels: { team: made.team } }, made.spec));

const tier = fc
  .record({
    name: fc.constantFrom(...TIERS),
    spec: fc.record(
      { order: fc.constantFrom(5, 10, 2_000_000, 20_000_000), defaultAction: fc.constantFrom('Deny', 'Pass', 'Pass') },
      { requiredKeys: ['defaultAction'] },
    ),
  })
  .map((made) => object('Tier', { name: made.name }, made.spec));

const endpoint = fc
  .record({
    index: fc.integer({ min: 0, max: 5 }),
    namespace: fc.constantFrom(...NAMESPACES),
    labels,
    host: fc.constantFrom('here', 'here', 'there'),
    adopted: fc.boolean(),
    addresses: fc.uniqueArray(fc.constantFrom(...ADDRESSES), { maxLength: 3 }),
    ports: fc.array(
      fc.record({
        name: fc.constantFrom('http', 'dns'),
        protocol: fc.constantFrom('TCP', 'UDP', 'SCTP'),
        port: fc.constantFrom(80, 8080, 53),
      }),
      { maxLength: 2 },
    ),
    hostPorts: fc.uniqueArray(
      fc.record({
        hostIP: fc.constantFrom('192.168.0.1', 'fd99::1', undefined),
        hostPort: fc.constantFrom(80, 8080),
        containerPort: fc.constantFrom(80, 8080),
        protocol: fc.constantFrom('TCP', 'UDP', 'SCTP'),
      }),
      { maxLength: 2, selector: ({ hostPort, protocol }) => `${protocol} ${hostPort}` },
    ),
    defaultAction: fc.constantFrom('Allow', 'Deny', undefined),
    ready: fc.constantFrom(true, false, undefined),
  })
  .map(({ index, namespace: home, labels: own, host, adopted, addresses, ports: named, hostPorts, defaultAction, ready }) =>
    object(
      'Endpoint',
      { name: `e${index}`, namespace: home, labels: own },
      {
        host,
        containerId: `e${index}`,
        network: 'net',
        interfaceName: 'eth0',
        hostInterface: `${adopted ? 'tap' : 'weir'}${home}${index}`,
        addresses,
        ports: named,
        hostPorts: JSON.parse(JSON.stringify(hostPorts.filter(({ hostIP }) => isReachable(addresses, hostIP)))),
        ...(defaultAction !== undefined && { defaultAction }),
        ...(ready !== undefined && { ready }),
      },
    ),
  );

export const anyHostEndpoint: fc.Arbitrary<AnyObject> = fc
  .record({
    name,
    labels,
    host: fc.constantFrom('here', 'here', 'there'),
    // One name is an adopted endpoint's as well.
    interfaceName: fc.constantFrom('eth0', 'eth1', '*', 'tapred1'),
    expectedIPs: fc.uniqueArray(fc.constantFrom(...ADDRESSES, ...HOST_ADDRESSES), { maxLength: 3 }),
    ports: fc.array(fc.constantFrom({ name: 'http', protocol: 'TCP', port: 80 }, { name: 'dns', protocol: 'UDP', port: 53 }), {
      maxLength: 2,
    }),
    defaultAction: fc.constantFrom('Allow', 'Deny'),
  })
  .map(({ name: called, labels: own, ...spec }) => object('HostEndpoint', { name: called, labels: own }, spec));

/** The schema refuses a mapping that leads to no address. */
function isReachable(addresses: string[], hostIP: string | undefined): boolean {
  return addresses.some((address) => hostIP === undefined || familyOf(address) === familyOf(hostIP));
}

const listed = fc.oneof(
  { weight: 3, arbitrary: fc.uniqueArray(fc.constantFrom(...NETS), { maxLength: 4 }) },
  { weight: 1, arbitrary: scattered },
);

const networkSet = fc
  .record({ name, namespace: fc.constantFrom(...NAMESPACES), labels, nets: listed })
  .map((made) => object('NetworkSet', { name: made.name, namespace: made.namespace, labels: made.labels }, { nets: made.nets }));

const globalNetworkSet = fc
  .record({ name, labels, nets: listed })
  .map((made) => object('GlobalNetworkSet', { name: made.name, labels: made.labels }, { nets: made.nets }));

const CLUSTERS = ['east', 'west'];

/** Two may declare the same, and an endpoint say what its cluster has not. */
const remoteCluster = fc
  .record({
    name: fc.constantFrom(...CLUSTERS),
    cidrs: fc.constantFrom(['10.0.0.0/24', 'fd00::/64'], ['10.0.0.2/31', '10.0.1.0/24'], ['fd00::2/127']),
  })
  .map((made) => object('RemoteCluster', { name: made.name }, { cidrs: made.cidrs }));

const remoteEndpoint = fc
  .record({
    index: fc.integer({ min: 0, max: 2 }),
    namespace: fc.constantFrom(...NAMESPACES),
    labels,
    spec: fc.record({
      cluster: fc.constantFrom(...CLUSTERS),
      host: fc.constant('here'),
      addresses: fc.uniqueArray(fc.constantFrom(...ADDRESSES), { maxLength: 3 }),
      ready: fc.boolean(),
    }),
  })
  .map((made) => object('RemoteEndpoint', { name: `r${made.index}`, namespace: made.namespace, labels: made.labels }, made.spec));

/** The schema refuses rules that name the host's own end where it is not the host's. */
function forwardable<T extends { applyOnForward: boolean; ingress: Rule[]; egress: Rule[] }>(spec: T): T {
  if (!spec.applyOnForward) return spec;
  const portsOf = ({ ports: own, notPorts }: Peer = {}): Peer => ({ ...(own && { ports: own }), ...(notPorts && { notPorts }) });
  return {
    ...spec,
    ingress: spec.ingress.map((made) => ({ ...made, destination: portsOf(made.destination) })),
    egress: spec.egress.map((made) => ({ ...made, source: portsOf(made.source) })),
  };
}

const policy = fc
  .record({ name, namespace: fc.constantFrom(...NAMESPACES), spec: fc.record(policySpec), isShort: fc.boolean() })
  .map(({ spec, isShort, ...metadata }) => object('Policy', metadata, tidy(isShort ? withoutServiceNamespaces(spec) : spec)));

/** Absent, it is the policy's own. */
function withoutServiceNamespaces<T extends { ingress: Rule[]; egress: Rule[] }>(spec: T): T {
  const short = (peer: Peer | undefined) => peer?.services && { services: { name: peer.services.name } };
  const shortened = ({ source, destination, ...rest }: Rule): Rule => ({
    ...rest,
    ...(source && { source: { ...source, ...short(source) } }),
    ...(destination && { destination: { ...destination, ...short(destination) } }),
  });
  return { ...spec, ingress: spec.ingress.map(shortened), egress: spec.egress.map(shortened) };
}

const globalPolicy = fc
  .record({
    name,
    spec: fc.record({
      ...policySpec,
      namespaceSelector: fc.option(fc.constantFrom('all()', 'team == "a"', 'team != "a"'), { nil: undefined }),
      applyOnForward: fc.boolean(),
    }),
  })
  .map((made) => object('GlobalPolicy', { name: made.name }, tidy(forwardable(made.spec))));

const servicePort = fc.record(
  {
    protocol: fc.constantFrom('TCP', 'UDP', 'SCTP'),
    port: fc.constantFrom(80, 8080),
    targetPort: fc.constantFrom(80, 8080, 'http', 'dns'),
    hostPort: fc.constantFrom(30080, 30081),
  },
  { requiredKeys: ['protocol', 'port', 'targetPort'] },
);

export const anyService: fc.Arbitrary<AnyObject> = fc
  .record({
    name,
    namespace: fc.constantFrom(...NAMESPACES),
    addresses: fc.constantFrom(['11.0.0.1'], ['11.0.0.2', 'fd01:c::2'], ['192.0.2.1'], []),
    spec: fc.record({
      selector: fc.constantFrom(...PEER_SELECTORS),
      backends: fc.constantFrom(undefined, ['192.168.1.1', '8.8.8.8', '2001:db8::1']),
      ports: fc.uniqueArray(servicePort, {
        minLength: 1,
        maxLength: 2,
        comparator: (one, other) => one.protocol === other.protocol && (one.port === other.port || one.hostPort === other.hostPort),
      }),
      // Its hundreds of elements take their time; the kernel's side of it is tried by few.
      sessionAffinity: fc.oneof({ weight: 15, arbitrary: fc.constant('None') }, { weight: 1, arbitrary: fc.constant('ClientIP') }),
    }),
  })
  .map(({ spec, addresses, ...metadata }) => ({
    ...object('Service', metadata, JSON.parse(JSON.stringify(spec))),
    status: { addresses },
  }));

/** Any object that policy depends on. Names repeat, so that a list of them holds several states of one object. */
export const anyObject: fc.Arbitrary<AnyObject> = fc.oneof(
  { weight: 1, arbitrary: namespace },
  { weight: 5, arbitrary: endpoint },
  { weight: 2, arbitrary: anyHostEndpoint },
  { weight: 1, arbitrary: tier },
  { weight: 2, arbitrary: networkSet },
  { weight: 1, arbitrary: anyService },
  { weight: 1, arbitrary: globalNetworkSet },
  { weight: 3, arbitrary: policy },
  { weight: 2, arbitrary: globalPolicy },
  { weight: 1, arbitrary: fc.oneof(remoteCluster, remoteEndpoint) },
);

/** Packets that say more than random numbers would: at and beside the edges of ranges, and of every kind of header. */
export const anyHeader: fc.Arbitrary<Omit<Packet, 'source' | 'destination'>> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      protocol: fc.constantFrom(6, 17, 132, 136),
      sourcePort: fc.constantFrom(0, 53, 80, 100, 101, 8080, 40000),
      destinationPort: fc.constantFrom(0, 1, 53, 79, 80, 100, 101, 443, 7999, 8000, 8080, 8081, 65535),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom({ protocol: 47 }, { protocol: 255 }) },
  {
    weight: 2,
    arbitrary: fc.record({ protocol: fc.constantFrom(1, 58), icmpType, icmpCode: fc.constantFrom(0, 3) }),
  },
);

export const anyPeer: fc.Arbitrary<string> = fc.constantFrom(...ADDRESSES, ...STRANGERS);

const failsafe = fc.uniqueArray(fc.constantFrom('tcp/80', 'udp/53', 'tcp/443', 'udp/8080'), { maxLength: 2 });

/** This host, at addresses that policy is about as well, so that its exemptions matter. */
export const anyHost: fc.Arbitrary<AnyObject> = fc
  .record({
    addresses: some([...ADDRESSES, ...STRANGERS], 6),
    agentPorts: some([80, 8080, 5051]),
    healthChecks: fc.constantFrom('Always', 'Policy'),
    failsafePorts: fc.record({ inbound: failsafe, outbound: failsafe }, { requiredKeys: [] }),
  })
  .map(({ addresses, failsafePorts, ...mesosTraffic }) =>
    object('Host', { name: 'here' }, { addresses, mesosTraffic, failsafePorts: JSON.parse(JSON.stringify(failsafePorts)) }),
  );

/** Picks an object, and what to take from another one of its kind. */
export const anyVariation: fc.Arbitrary<{ index: number; field: number; other: AnyObject }> = fc.record({
  index: fc.nat(),
  field: fc.nat(),
  other: anyObject,
});

/** One of the objects with a single field of another object: the small changes that two objects made apart seldom differ by. */
export function variation(
  objects: readonly AnyObject[],
  { index, field, other }: { index: number; field: number; other: AnyObject },
): AnyObject {
  const alike = objects.filter(({ kind }) => kind === other.kind);
  if (alike.length === 0) return other;
  const varied = structuredClone(alike[index % alike.length]!);
  const fields = Object.keys(varied.spec).filter((name) => !['host', 'hostInterface', 'containerId'].includes(name));
  const name = ['labels', ...fields][field % (fields.length + 1)]!;
  if (name === 'labels') varied.metadata.labels = other.metadata.labels;
  else Object.assign(varied.spec, { [name]: Object(other.spec)[name] });
  return varied;
}
