import { z } from 'zod';
import { cidrContains, parseCidrClearingHostBits } from '../address/address.ts';
import { metadataSchema } from '../metadata.ts';
import { API_VERSION, type Policy, withOrigin } from '../object.ts';
import type { Peer } from '../rule/peer.ts';
import { type Port, parsePort, parsePortNumber } from '../rule/port.ts';
import type { Rule } from '../rule/rule.ts';
import { acrossFields, failed, field, oneOf } from '../validation/field.ts';
import { parseWith } from '../validation/parse-with.ts';
import { type Origin, ValidationError } from '../validation/validation-error.ts';
import { labelSelectorSchema } from './label-selector.ts';
import { NETWORK_POLICY_VERSIONS } from './network-policy.ts';
import { withoutServerFields, withSource } from './server-metadata.ts';

const portSchema = acrossFields(
  z.strictObject({
    protocol: oneOf('TCP', 'UDP', 'SCTP').prefault('TCP'),
    port: field(parsePortOrName).optional(),
    endPort: field(parsePortNumber).optional(),
  }),
  ({ port, endPort }, report) => {
    if (endPort === undefined || failed(endPort) || failed(port)) return;
    if (typeof port !== 'number') report(['endPort'], `${endPort} ends a range that has no start: set "port" to its first number`);
    else if (endPort < port) report(['endPort'], `${endPort} ends a range that starts at ${port}: expected ${port} to 65535`);
  },
);

const ipBlockSchema = acrossFields(
  z.strictObject({ cidr: field(parseCidrClearingHostBits), except: z.array(field(parseCidrClearingHostBits)).nullish() }),
  ({ cidr, except }, report) => {
    if (typeof cidr !== 'string' || !Array.isArray(except)) return;
    for (const [index, part] of except.entries()) {
      if (typeof part === 'string' && (part === cidr || !cidrContains(cidr, part))) {
        report(['except', index], `"${part}" is no part of ${cidr}: expected a smaller block within it`);
      }
    }
  },
);

const peerSchema = acrossFields(
  z.strictObject({
    podSelector: labelSelectorSchema.optional(),
    namespaceSelector: labelSelectorSchema.optional(),
    ipBlock: ipBlockSchema.optional(),
  }),
  ({ podSelector, namespaceSelector, ipBlock }, report) => {
    if (podSelector === undefined && namespaceSelector === undefined && ipBlock === undefined) {
      report([], 'the peer is empty: expected podSelector, namespaceSelector or ipBlock, where {} as a selector takes all');
    } else if (ipBlock !== undefined && (podSelector !== undefined || namespaceSelector !== undefined)) {
      report(['ipBlock'], 'a peer is either an ipBlock or selected by labels: write two peers');
    }
  },
);

const ports = z.array(portSchema).nullish();
const peers = z.array(peerSchema).nullish();

const networkPolicySchema = z.strictObject({
  apiVersion: oneOf(...NETWORK_POLICY_VERSIONS),
  kind: z.literal('NetworkPolicy'),
  metadata: metadataSchema({ namespaced: true, names: 'chosen' }),
  spec: z.strictObject({
    podSelector: labelSelectorSchema,
    policyTypes: z.array(oneOf('Ingress', 'Egress')).nullish(),
    ingress: z.array(z.strictObject({ from: peers, ports })).nullish(),
    egress: z.array(z.strictObject({ to: peers, ports })).nullish(),
  }),
  status: z.unknown().optional(),
});

type ParsedPeer = z.output<typeof peerSchema>;
type ParsedPort = z.output<typeof portSchema>;

/** Whether a document is a Kubernetes NetworkPolicy of a known version. */
export function isNetworkPolicy(value: unknown): boolean {
  const { apiVersion, kind } = (value ?? {}) as { apiVersion?: unknown; kind?: unknown };
  return kind === 'NetworkPolicy' && NETWORK_POLICY_VERSIONS.includes(apiVersion as (typeof NETWORK_POLICY_VERSIONS)[number]);
}

/**
 * Reads a Kubernetes NetworkPolicy as a Policy of the same meaning.
 *
 * Kubernetes has it that a rule is a list of peers and a list of ports, each pair of which is allowed, and that an empty list stands for all of them.
 * Here a rule holds one peer and the ports of one protocol, so a rule becomes as many as it has peers times protocols; blocks without exceptions share one.
 *
 * @throws ValidationError with paths of the Kubernetes object
 */
export function fromKubernetes(value: unknown, origin?: Origin): Policy {
  return withOrigin(value, origin, () => {
    const { apiVersion, metadata, spec } = parseWith(networkPolicySchema, withoutServerFields(value));
    // Kubernetes' defaulting: Ingress in any case, even with egress rules only.
    const types = new Set(spec.policyTypes?.length ? spec.policyTypes : spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress']);
    const ingress = types.has('Ingress') ? (spec.ingress ?? []) : [];
    const egress = types.has('Egress') ? (spec.egress ?? []) : [];
    return {
      apiVersion: API_VERSION,
      kind: 'Policy',
      metadata: withSource(metadata, `${apiVersion} NetworkPolicy`),
      spec: {
        selector: spec.podSelector,
        types: (['Ingress', 'Egress'] as const).filter((type) => types.has(type)),
        ingress: ingress.flatMap((rule) => toRules(rule.from, rule.ports, 'source')),
        egress: egress.flatMap((rule) => toRules(rule.to, rule.ports, 'destination')),
      },
    };
  });
}

function parsePortOrName(value: unknown): Port {
  if (typeof value === 'string' && value.includes(':'))
    throw ValidationError.of(value, 'is no port', 'write a range with "port" and "endPort"');
  return parsePort(value);
}

function toRules(from: ParsedPeer[] | null | undefined, ports: ParsedPort[] | null | undefined, side: 'source' | 'destination'): Rule[] {
  const protocols = groupByProtocol(ports ?? []);
  return toPeers(from ?? []).flatMap((peer) => protocols.map((criteria) => toRule(peer, criteria, side)));
}

/** Peers of the rules; one that is undefined is anybody. */
function toPeers(peers: ParsedPeer[]): (Peer | undefined)[] {
  if (peers.length === 0) return [undefined];
  const blocks = peers.flatMap(({ ipBlock }) => (ipBlock && !ipBlock.except?.length ? [ipBlock.cidr as string] : []));
  const shared: Peer = { nets: [...new Set(blocks)] };
  const result = new Set<Peer>();
  for (const { podSelector, namespaceSelector, ipBlock } of peers) {
    if (ipBlock === undefined)
      result.add({
        ...(podSelector !== undefined && { selector: podSelector }),
        ...(namespaceSelector !== undefined && { namespaceSelector }),
      });
    else if (ipBlock.except?.length) result.add({ nets: [ipBlock.cidr], notNets: [...new Set(ipBlock.except)] });
    else result.add(shared);
  }
  return [...result];
}

interface ProtocolPorts {
  protocol?: ParsedPort['protocol'];
  /** Absent: all ports. */
  ports?: Port[];
}

/** One entry for each protocol, in the order in which they first come. */
function groupByProtocol(ports: ParsedPort[]): ProtocolPorts[] {
  if (ports.length === 0) return [{}];
  return [...Map.groupBy(ports, ({ protocol }) => protocol)].map(([protocol, group]) => {
    if (group.some(({ port }) => port === undefined)) return { protocol };
    const values = group.map(({ port, endPort }): Port => (endPort === undefined || endPort === port ? port! : `${port}:${endPort}`));
    return { protocol, ports: [...new Set(values)] };
  });
}

function toRule(peer: Peer | undefined, { protocol, ports }: ProtocolPorts, side: 'source' | 'destination'): Rule {
  const source = side === 'source' ? peer : undefined;
  const target = side === 'destination' ? peer : undefined;
  const destination = target || ports ? { ...target, ...(ports && { ports }) } : undefined;
  return { action: 'Allow', ...(protocol && { protocol }), ...(source && { source }), ...(destination && { destination }) };
}
