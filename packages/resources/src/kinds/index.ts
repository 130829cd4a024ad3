import type { z } from 'zod';
import { nearest } from '../validation/suggestion.ts';
import { ValidationError } from '../validation/validation-error.ts';
import { type BgpConfigSpec, bgpConfigSpecSchema } from './bgp-config.ts';
import { type BgpFilterSpec, bgpFilterSpecSchema } from './bgp-filter.ts';
import { type BgpPeerSpec, bgpPeerSpecSchema } from './bgp-peer.ts';
import { type BlockSpec, blockSpecSchema } from './block.ts';
import { type ClaimSpec, claimSpecSchema } from './claim.ts';
import { type EndpointSpec, endpointSpecSchema } from './endpoint.ts';
import { type GlobalNetworkSetSpec, globalNetworkSetSpecSchema } from './global-network-set.ts';
import { type GlobalPolicySpec, globalPolicySpecSchema } from './global-policy.ts';
import { type HostSpec, hostSpecSchema } from './host.ts';
import { type HostEndpointSpec, hostEndpointSpecSchema } from './host-endpoint.ts';
import { type IpamConfigSpec, ipamConfigSpecSchema } from './ipam-config.ts';
import { kindElsewhere } from './names-elsewhere.ts';
import { type NamespaceSpec, namespaceSpecSchema } from './namespace.ts';
import { type NetworkSpec, networkSpecSchema } from './network.ts';
import { type NetworkSetSpec, networkSetSpecSchema } from './network-set.ts';
import { type PolicySpec, policySpecSchema } from './policy.ts';
import { type PoolSpec, poolSpecSchema } from './pool.ts';
import { type RemoteClusterSpec, remoteClusterSpecSchema } from './remote-cluster.ts';
import { type RemoteEndpointSpec, remoteEndpointSpecSchema } from './remote-endpoint.ts';
import { type ReservationSpec, reservationSpecSchema } from './reservation.ts';
import { type ServiceSpec, serviceSpecSchema } from './service.ts';
import { type TierSpec, tierSpecSchema } from './tier.ts';

/** The spec of each kind. */
export interface SpecByKind {
  Endpoint: EndpointSpec;
  Policy: PolicySpec;
  GlobalPolicy: GlobalPolicySpec;
  Tier: TierSpec;
  NetworkSet: NetworkSetSpec;
  GlobalNetworkSet: GlobalNetworkSetSpec;
  Namespace: NamespaceSpec;
  Network: NetworkSpec;
  Pool: PoolSpec;
  Reservation: ReservationSpec;
  Claim: ClaimSpec;
  Service: ServiceSpec;
  IpamConfig: IpamConfigSpec;
  Host: HostSpec;
  HostEndpoint: HostEndpointSpec;
  BgpConfig: BgpConfigSpec;
  BgpPeer: BgpPeerSpec;
  BgpFilter: BgpFilterSpec;
  RemoteCluster: RemoteClusterSpec;
  RemoteEndpoint: RemoteEndpointSpec;
  Block: BlockSpec;
}

export type Kind = keyof SpecByKind;

export interface KindInfo<K extends Kind = Kind> {
  kind: K;
  /** As on the command line: `weir get policies`. */
  plural: string;
  shortNames: readonly string[];
  namespaced: boolean;
  /** Who names the objects: people (`chosen`), or Weir, out of ids that are not theirs to choose (`derived`). */
  names: 'chosen' | 'derived';
  spec: z.ZodType<SpecByKind[K]>;
}

const BY_KIND: { readonly [K in Kind]: KindInfo<K> } = {
  Endpoint: { kind: 'Endpoint', plural: 'endpoints', shortNames: ['ep'], namespaced: true, names: 'derived', spec: endpointSpecSchema },
  Policy: { kind: 'Policy', plural: 'policies', shortNames: ['pol'], namespaced: true, names: 'chosen', spec: policySpecSchema },
  GlobalPolicy: {
    kind: 'GlobalPolicy',
    plural: 'globalpolicies',
    shortNames: ['gpol'],
    namespaced: false,
    names: 'chosen',
    spec: globalPolicySpecSchema,
  },
  Tier: { kind: 'Tier', plural: 'tiers', shortNames: [], namespaced: false, names: 'chosen', spec: tierSpecSchema },
  NetworkSet: {
    kind: 'NetworkSet',
    plural: 'networksets',
    shortNames: ['netset'],
    namespaced: true,
    names: 'chosen',
    spec: networkSetSpecSchema,
  },
  GlobalNetworkSet: {
    kind: 'GlobalNetworkSet',
    plural: 'globalnetworksets',
    shortNames: ['gnetset'],
    namespaced: false,
    names: 'chosen',
    spec: globalNetworkSetSpecSchema,
  },
  Namespace: { kind: 'Namespace', plural: 'namespaces', shortNames: ['ns'], namespaced: false, names: 'chosen', spec: namespaceSpecSchema },
  Network: { kind: 'Network', plural: 'networks', shortNames: ['net'], namespaced: false, names: 'chosen', spec: networkSpecSchema },
  Pool: { kind: 'Pool', plural: 'pools', shortNames: [], namespaced: false, names: 'chosen', spec: poolSpecSchema },
  Reservation: {
    kind: 'Reservation',
    plural: 'reservations',
    shortNames: ['res'],
    namespaced: false,
    names: 'chosen',
    spec: reservationSpecSchema,
  },
  Claim: { kind: 'Claim', plural: 'claims', shortNames: [], namespaced: true, names: 'chosen', spec: claimSpecSchema },
  Service: { kind: 'Service', plural: 'services', shortNames: ['svc'], namespaced: true, names: 'chosen', spec: serviceSpecSchema },
  IpamConfig: { kind: 'IpamConfig', plural: 'ipamconfigs', shortNames: [], namespaced: false, names: 'chosen', spec: ipamConfigSpecSchema },
  Host: { kind: 'Host', plural: 'hosts', shortNames: [], namespaced: false, names: 'chosen', spec: hostSpecSchema },
  HostEndpoint: {
    kind: 'HostEndpoint',
    plural: 'hostendpoints',
    shortNames: ['hep'],
    namespaced: false,
    names: 'chosen',
    spec: hostEndpointSpecSchema,
  },
  BgpConfig: { kind: 'BgpConfig', plural: 'bgpconfigs', shortNames: [], namespaced: false, names: 'chosen', spec: bgpConfigSpecSchema },
  BgpPeer: { kind: 'BgpPeer', plural: 'bgppeers', shortNames: [], namespaced: false, names: 'chosen', spec: bgpPeerSpecSchema },
  BgpFilter: { kind: 'BgpFilter', plural: 'bgpfilters', shortNames: [], namespaced: false, names: 'chosen', spec: bgpFilterSpecSchema },
  RemoteCluster: {
    kind: 'RemoteCluster',
    plural: 'remoteclusters',
    shortNames: [],
    namespaced: false,
    names: 'chosen',
    spec: remoteClusterSpecSchema,
  },
  RemoteEndpoint: {
    kind: 'RemoteEndpoint',
    plural: 'remoteendpoints',
    shortNames: ['rep'],
    namespaced: true,
    names: 'derived',
    spec: remoteEndpointSpecSchema,
  },
  Block: { kind: 'Block', plural: 'blocks', shortNames: [], namespaced: false, names: 'derived', spec: blockSpecSchema },
};

/** All kinds, those that people meet first in front. */
export const KINDS: readonly KindInfo[] = Object.values(BY_KIND);

/** What is known of a kind. */
export function kindInfo<K extends Kind>(kind: K): KindInfo<K> {
  return BY_KIND[kind];
}

/** Whether the text is a kind, spelt as in a document. */
export function isKind(text: unknown): text is Kind {
  return typeof text === 'string' && Object.hasOwn(BY_KIND, text);
}

/** Finds a kind by kind, plural or short name, in any letter case: `Policy`, `policies`, `pol`. */
export function findKind(name: string): KindInfo | undefined {
  const wanted = name.toLowerCase();
  return KINDS.find(({ kind, plural, shortNames }) => kind.toLowerCase() === wanted || plural === wanted || shortNames.includes(wanted));
}

/**
 * As {@link findKind}, for a name that a user gave.
 *
 * @throws ValidationError with what was probably meant
 */
export function requireKind(name: string): KindInfo {
  const found = findKind(name);
  if (found !== undefined) return found;
  const names = KINDS.flatMap(({ kind, plural, shortNames }) => [kind, plural, ...shortNames]);
  const elsewhere = kindElsewhere(name);
  const meant = elsewhere === undefined ? nearest(name, names) : kindInfo(elsewhere).plural;
  const allowed = KINDS.map(({ plural }) => plural).join(', ');
  throw ValidationError.of(name, 'is no kind', meant ? `did you mean "${meant}"?` : `expected ${allowed}`);
}
