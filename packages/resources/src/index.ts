export {
  ADDRESS_BITS,
  type Address,
  addressFromNumber,
  addressToNumber,
  type Cidr,
  cidrContains,
  cidrRange,
  cidrsOverlap,
  type Family,
  familyOf,
  parseAddress,
  parseCidr,
  parseCidrClearingHostBits,
} from './address/address.ts';
export { type AddressRange, parseAddressRange, rangeText } from './address/address-range.ts';
export { type HostSocket, hostSockets, socketsOverlap, socketText } from './address/host-socket.ts';
export { DEFAULT_AS_NUMBER } from './bgp/as-number.ts';
export { type Community, communityOf } from './bgp/community.ts';
export { isPassword, PASSWORD_ALLOWED, type PasswordSource } from './bgp/password.ts';
export { type ParsedDocument, type ParseOptions, parseDocuments, parseResource } from './documents.ts';
export { endpointName, hostInterfaceName } from './endpoint-identity.ts';
export {
  type FlowAnswer,
  type FlowEnd,
  type FlowQuery,
  type FlowReason,
  type FlowRecord,
  type FlowRequest,
  type FlowTest,
  flowAnswerKey,
  flowEndTest,
  flowQuerySchema,
  flowRequestKey,
  flowRequestSchema,
  flowTest,
  splitNamespace,
} from './flow-record.ts';
export { frozen } from './frozen.ts';
export { keyOf, keyPrefix, type ObjectId, parseKey, presenceKey } from './key.ts';
export { BGP_CONFIG_NAME, type BgpConfigSpec, DEFAULT_BGP_CONFIG } from './kinds/bgp-config.ts';
export type { BgpFilterRule, BgpFilterSpec, CidrOperator } from './kinds/bgp-filter.ts';
export type { BfdSpec, BgpPeerSpec } from './kinds/bgp-peer.ts';
export { type Allocation, type BlockSpec, blockName } from './kinds/block.ts';
export { type ClaimSpec, type ClaimStatus, claimedAddresses, claimedSpace } from './kinds/claim.ts';
export {
  containerTitle,
  type DockerFacts,
  type EndpointSpec,
  isContainer,
  isReady,
  type MesosFacts,
  type NamedPort,
  spaceOf,
} from './kinds/endpoint.ts';
export { DEFAULT_FAILSAFE_PORTS, type FailsafePorts, failsafePorts } from './kinds/failsafe-ports.ts';
export type { GlobalPolicySpec } from './kinds/global-policy.ts';
export type { FlannelLease, HostBgp, HostDns, HostSpec, VxlanEnd } from './kinds/host.ts';
export type { HostEndpointSpec } from './kinds/host-endpoint.ts';
export type { HostPort } from './kinds/host-port.ts';
export { findKind, isKind, KINDS, type Kind, type KindInfo, kindInfo, requireKind, type SpecByKind } from './kinds/index.ts';
export { DEFAULT_IPAM_CONFIG, IPAM_CONFIG_NAME, type IpamConfigSpec } from './kinds/ipam-config.ts';
export { NAMESPACE_NAME_LABEL, type NamespaceDefault, type NamespaceSpec, namespaceLabels } from './kinds/namespace.ts';
export type { NetworkSpec } from './kinds/network.ts';
export type { NetworkSetSpec } from './kinds/network-set.ts';
export { type Direction, type PolicySpec, tierOf } from './kinds/policy.ts';
export type { PoolSpec, Visibility, VxlanMode } from './kinds/pool.ts';
export { type RemoteClusterSpec, type RemoteClusterStatus, remoteEndpointName } from './kinds/remote-cluster.ts';
export type { RemoteEndpointSpec } from './kinds/remote-endpoint.ts';
export { type ReservationSpec, reservedRanges } from './kinds/reservation.ts';
export { familiesOf, type ServicePort, type ServiceSpec, type ServiceStatus, serviceAddresses } from './kinds/service.ts';
export { BUILT_IN_TIERS, checkTier, type TierSpec } from './kinds/tier.ts';
export { DEFAULT_TIER } from './kinds/tier-name.ts';
export type { ClusterNetworkPolicy } from './kubernetes/cluster-policy.ts';
export { fromClusterPolicy } from './kubernetes/from-cluster-policy.ts';
export { fromKubernetes } from './kubernetes/from-network-policy.ts';
export { type NetworkPolicy, SOURCE_ANNOTATION } from './kubernetes/network-policy.ts';
export { type ToClusterPolicy, toClusterPolicy } from './kubernetes/to-cluster-policy.ts';
export { type Inexpressible, type ToKubernetes, toKubernetes } from './kubernetes/to-network-policy.ts';
export { DEFAULT_NAMESPACE, type Labels, type Metadata, parseLabelKey, parseLabelValue, parseNamespaceName } from './metadata.ts';
export {
  type AnyObject,
  API_VERSION,
  type BgpConfig,
  type BgpFilter,
  type BgpPeer,
  type Block,
  type Claim,
  type Endpoint,
  type GlobalNetworkSet,
  type GlobalPolicy,
  type Host,
  type HostEndpoint,
  type IpamConfig,
  jsonSchemaOf,
  type Namespace,
  type Network,
  type NetworkSet,
  type ObjectOf,
  type Policy,
  type Pool,
  parseObject,
  type RemoteCluster,
  type RemoteEndpoint,
  type Reservation,
  type Service,
  type Tier,
  type WeirObject,
} from './object.ts';
export { parseEndpoint } from './parse-endpoint.ts';
export { type Expectation, type PolicyTest, parsePolicyTests, type TestEndpoint } from './policy-test.ts';
export { canonicalName, domainTakes } from './rule/domain.ts';
export type { Peer } from './rule/peer.ts';
export { type Port, parsePort, portRange } from './rule/port.ts';
export { hasPorts, isIcmp, type PortProtocol, type Protocol, type ProtocolName, parseProtocol, protocolNumber } from './rule/protocol.ts';
export { type ProtocolPort, parseProtocolPort, protocolPortText } from './rule/protocol-port.ts';
export type { Action, Icmp, Rule } from './rule/rule.ts';
export { matches } from './selector/evaluate.ts';
export { formatSelector } from './selector/format.ts';
export { mentionsGlobal, mentionsLabel, parseSelector } from './selector/parse.ts';
export { type LabelRestriction, type LabelRestrictions, labelRestrictions } from './selector/restrictions.ts';
export type { Comparison, Selector } from './selector/selector.ts';
export { SelectorError } from './selector/selector-error.ts';
export { serialize } from './serialize.ts';
export { backendAddresses, type ServiceBackend, serviceBackends, targetPortOf } from './service-backends.ts';
export { parseWith } from './validation/parse-with.ts';
export { didYouMean, nearest } from './validation/suggestion.ts';
export { type Issue, type Origin, show, ValidationError } from './validation/validation-error.ts';
export {
  APP_LABEL,
  CLUSTER_LABEL,
  FRAMEWORK_LABEL,
  isMarathonId,
  isOfMarathonId,
  looksLikeWeirLabel,
  ROLE_LABEL,
  WARNINGS_ANNOTATION,
  WEIR_LABEL_SPELLINGS,
  type WeirLabel,
  wantsObject,
  weirLabel,
} from './weir-label.ts';
