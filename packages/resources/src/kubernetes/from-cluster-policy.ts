import { z } from 'zod';
import { parseCidrClearingHostBits } from '../address/address.ts';
import { type Metadata, metadataSchema } from '../metadata.ts';
import { API_VERSION, type GlobalPolicy, withOrigin } from '../object.ts';
import type { Peer } from '../rule/peer.ts';
import { type Port, parsePortNumber } from '../rule/port.ts';
import type { Rule } from '../rule/rule.ts';
import { acrossFields, failed, field, integer, oneOf, type Report, someOf, text } from '../validation/field.ts';
import { parseWith } from '../validation/parse-with.ts';
import { type Origin, ValidationError } from '../validation/validation-error.ts';
import { ADMIN_TIER, BASELINE_TIER, CLUSTER_POLICIES, type ClusterPolicyKind, RULE_NAME_ANNOTATION } from './cluster-policy.ts';
import { labelSelectorSchema } from './label-selector.ts';
import { withoutServerFields, withSource } from './server-metadata.ts';

const PORT_PROTOCOLS = ['TCP', 'UDP', 'SCTP'] as const;

/** A port as rules here have it; a name is meant for every protocol. */
interface PortCriterion {
  protocols: readonly (typeof PORT_PROTOCOLS)[number][];
  port: Port;
}

/** Of the experimental channel. A rule without them would be for other peers than its writer means. */
const unsupported = field((value): undefined => {
  throw ValidationError.of(value, 'cannot be said here', 'a peer is given by namespaces, pods or networks');
}).optional();

/** An object of which the API takes exactly one field. */
function exactlyOne<T extends z.ZodRawShape>(shape: T) {
  const names = Object.keys(shape);
  return acrossFields(z.strictObject(shape), (value, report) => {
    const given = names.filter((name) => Reflect.get(value, name) !== undefined);
    const found = given.length === 0 ? 'has no field' : `has ${given.join(' and ')}`;
    if (given.length !== 1) report([], `${found}: expected exactly one of ${names.join(', ')}`);
  });
}

function checkRange({ start, end }: { start?: number; end?: number }, report: Report): void {
  if (failed(start) || failed(end) || start === undefined || end === undefined || start < end) return;
  report(['end'], `${end} ends a range that starts at ${start}: expected ${Math.min(start + 1, 65535)} to 65535`);
}

const number = field(parsePortNumber);
const name = text({ what: 'port name', pattern: /^[a-zA-Z0-9_.-]{1,128}$/, allowed: '1 to 128 letters, digits, "_", "." and "-"' });
const protocol = oneOf(...PORT_PROTOCOLS).prefault('TCP');
const range = acrossFields(z.strictObject({ start: number, end: number }), checkRange);
const rangeOfProtocol = acrossFields(z.strictObject({ protocol, start: number, end: number }), checkRange);

const alpha1Ports = exactlyOne({
  portNumber: z.strictObject({ protocol, port: number }).optional(),
  portRange: rangeOfProtocol.optional(),
  namedPort: name.optional(),
}).transform(({ portNumber, portRange, namedPort }): PortCriterion => {
  if (portNumber !== undefined) return { protocols: [portNumber.protocol], port: portNumber.port };
  if (portRange !== undefined) return { protocols: [portRange.protocol], port: `${portRange.start}:${portRange.end}` };
  return { protocols: PORT_PROTOCOLS, port: namedPort! };
});

const destination = z.strictObject({ destinationPort: exactlyOne({ number: number.optional(), range: range.optional() }) });
const alpha2Ports = exactlyOne({
  tcp: destination.optional(),
  udp: destination.optional(),
  sctp: destination.optional(),
  destinationNamedPort: name.optional(),
}).transform(({ tcp, udp, sctp, destinationNamedPort }): PortCriterion => {
  for (const [protocol, given] of [['TCP', tcp] as const, ['UDP', udp] as const, ['SCTP', sctp] as const]) {
    const { number: single, range: span } = given?.destinationPort ?? {};
    if (single !== undefined) return { protocols: [protocol], port: single };
    if (span !== undefined) return { protocols: [protocol], port: `${span.start}:${span.end}` };
  }
  return { protocols: PORT_PROTOCOLS, port: destinationNamedPort! };
});

const ruleName = text({ what: 'rule name', pattern: /^.{0,100}$/s, allowed: 'at most 100 characters' }).optional();

/** Schema of the spec; its output is the same for the three kinds. */
function specSchema(of: {
  head: z.ZodRawShape;
  actions: z.ZodType<string>;
  /** Name and schema of the list of ports. */
  ports: readonly ['ports' | 'protocols', z.ZodType<PortCriterion>];
  podNamespaces: z.ZodType<string>;
}) {
  const subject = {
    namespaces: labelSelectorSchema.optional(),
    pods: z.strictObject({ namespaceSelector: of.podNamespaces, podSelector: labelSelectorSchema }).optional(),
  };
  const networks = someOf(field(parseCidrClearingHostBits), 'and give the peer by namespaces or pods').optional();
  const outside = { networks, nodes: unsupported, domainNames: unsupported };
  const [portsName, port] = of.ports;
  const common = { name: ruleName, action: of.actions, [portsName]: z.array(port).nullish() };
  const peers = <T extends z.ZodRawShape>(shape: T) => someOf(exactlyOne(shape), '');
  return z.strictObject({
    ...of.head,
    subject: exactlyOne(subject),
    ingress: z.array(z.strictObject({ ...common, from: peers(subject) })).nullish(),
    egress: z.array(z.strictObject({ ...common, to: peers({ ...subject, ...outside }) })).nullish(),
  });
}

const priority = integer({ what: 'priority', minimum: 0, maximum: 1000 });
const SPECS: Readonly<Record<ClusterPolicyKind, z.ZodType>> = {
  AdminNetworkPolicy: specSchema({
    head: { priority },
    actions: oneOf('Allow', 'Deny', 'Pass'),
    ports: ['ports', alpha1Ports],
    podNamespaces: labelSelectorSchema,
  }),
  BaselineAdminNetworkPolicy: specSchema({
    head: {},
    actions: oneOf('Allow', 'Deny'),
    ports: ['ports', alpha1Ports],
    podNamespaces: labelSelectorSchema,
  }),
  ClusterNetworkPolicy: specSchema({
    head: { priority, tier: oneOf('Admin', 'Baseline') },
    actions: oneOf('Accept', 'Deny', 'Pass'),
    ports: ['protocols', alpha2Ports],
    podNamespaces: labelSelectorSchema.prefault({}),
  }),
};

interface ParsedPeer {
  namespaces?: string;
  pods?: { namespaceSelector: string; podSelector: string };
  networks?: string[];
}

interface ParsedRule {
  name?: string;
  action: 'Accept' | 'Allow' | 'Deny' | 'Pass';
  ports?: PortCriterion[] | null;
  protocols?: PortCriterion[] | null;
  from?: ParsedPeer[];
  to?: ParsedPeer[];
}

interface ParsedSpec {
  priority?: number;
  tier?: 'Admin' | 'Baseline';
  subject: ParsedPeer;
  ingress?: ParsedRule[] | null;
  egress?: ParsedRule[] | null;
}

/** Whether a document is a cluster-wide policy of Kubernetes, in a version that is known. */
export function isClusterPolicy(value: unknown): boolean {
  const { apiVersion, kind } = (value ?? {}) as { apiVersion?: unknown; kind?: unknown };
  return isClusterPolicyKind(kind) && CLUSTER_POLICIES[kind].apiVersion === apiVersion;
}

function isClusterPolicyKind(kind: unknown): kind is ClusterPolicyKind {
  return typeof kind === 'string' && Object.hasOwn(CLUSTER_POLICIES, kind);
}

/**
 * Reads an AdminNetworkPolicy, BaselineAdminNetworkPolicy or ClusterNetworkPolicy as a GlobalPolicy of the same meaning, in the tier
 * `kube-admin` or `kube-baseline`. Its name has the kind in front, as kubectl shortens it: `cnp.web`.
 *
 * A rule there is a list of peers and a list of ports; here it becomes as many rules, one after the other, as it has peers times protocols.
 *
 * @throws ValidationError with paths of the Kubernetes object
 */
export function fromClusterPolicy(value: unknown, origin?: Origin): GlobalPolicy {
  return withOrigin(value, origin, () => {
    const { kind } = value as { kind: ClusterPolicyKind };
    const { apiVersion, prefix } = CLUSTER_POLICIES[kind];
    const schema = z.strictObject({
      apiVersion: z.literal(apiVersion),
      kind: z.literal(kind),
      metadata: clusterMetadata(kind),
      spec: SPECS[kind],
      status: z.unknown().optional(),
    });
    const { metadata, spec } = parseWith(schema, withoutServerFields(value)) as { metadata: Metadata; spec: ParsedSpec };
    const ingress = (spec.ingress ?? []).flatMap((rule) => toRules(rule, rule.from!, 'source'));
    const egress = (spec.egress ?? []).flatMap((rule) => toRules(rule, rule.to!, 'destination'));
    const isBaseline = kind === 'BaselineAdminNetworkPolicy' || spec.tier === 'Baseline';
    const { namespaceSelector, selector } = selectors(spec.subject);
    return {
      apiVersion: API_VERSION,
      kind: 'GlobalPolicy',
      metadata: { ...withSource(metadata, `${apiVersion} ${kind}`), name: `${prefix}${metadata.name}` },
      spec: {
        tier: isBaseline ? BASELINE_TIER : ADMIN_TIER,
        ...(spec.priority !== undefined && { order: spec.priority }),
        selector: selector ?? 'all()',
        namespaceSelector,
        // With rules for neither, it does nothing in either: these tiers pass on what no rule decided.
        types: egress.length > 0 ? (ingress.length > 0 ? ['Ingress', 'Egress'] : ['Egress']) : ['Ingress'],
        ingress,
        egress,
      },
    };
  });
}

function clusterMetadata(kind: ClusterPolicyKind): z.ZodType<Metadata> {
  return metadataSchema({ namespaced: false, names: 'chosen' }).superRefine(({ name: given }, context) => {
    if (kind !== 'BaselineAdminNetworkPolicy' || given === 'default') return;
    context.addIssue({
      code: 'custom',
      path: ['name'],
      message: `"${given}" is not allowed: there is one for the cluster, named "default"`,
    });
  });
}

function selectors({ namespaces, pods }: ParsedPeer): { namespaceSelector: string; selector?: string } {
  if (pods === undefined) return { namespaceSelector: namespaces! };
  return { namespaceSelector: pods.namespaceSelector, selector: pods.podSelector };
}

function toRules(rule: ParsedRule, peers: readonly ParsedPeer[], side: 'source' | 'destination'): Rule[] {
  const criteria = byProtocol(rule.ports ?? rule.protocols ?? []);
  const action = rule.action === 'Accept' ? 'Allow' : rule.action;
  const metadata = rule.name === undefined || rule.name === '' ? {} : { metadata: { annotations: { [RULE_NAME_ANNOTATION]: rule.name } } };
  return peers.flatMap((peer) =>
    criteria.map(({ protocol: ofPorts, ports }): Rule => {
      const who: Peer = peer.networks === undefined ? selectors(peer) : { nets: [...new Set(peer.networks)] };
      const target = side === 'destination' ? { ...who, ...(ports && { ports }) } : ports && { ports };
      return {
        action,
        ...(ofPorts && { protocol: ofPorts }),
        ...(side === 'source' && { source: who }),
        ...(target && { destination: target }),
        ...metadata,
      };
    }),
  );
}

/** One entry for each protocol, with its ports; without any, the one that is for all traffic. */
function byProtocol(ports: readonly PortCriterion[]): { protocol?: (typeof PORT_PROTOCOLS)[number]; ports?: Port[] }[] {
  if (ports.length === 0) return [{}];
  return PORT_PROTOCOLS.flatMap((wanted) => {
    const own = ports.filter(({ protocols }) => protocols.includes(wanted)).map(({ port }) => port);
    return own.length === 0 ? [] : [{ protocol: wanted, ports: [...new Set(own)] }];
  });
}
