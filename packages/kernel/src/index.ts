export { DeltaTracker, type DeltaTrackerOptions, type Pending } from './delta-tracker.ts';
export { KernelError } from './error.ts';
export { FileLock, type FileLockOptions, fileLock } from './file-lock.ts';
export {
  createNamespace,
  currentNamespace,
  deleteNamespace,
  inNamespace,
  type Namespace,
  NamespaceHandle,
  openNamespace,
} from './namespace.ts';
export { Conntrack, describeFlow, type Flow, type FlowCount, type FlowTuple } from './netfilter/conntrack.ts';
export { EndedFlows } from './netfilter/ended-flows.ts';
export type { LoggedPacket } from './netfilter/logged-packet.ts';
export { PacketLog, type PacketLogOptions } from './netfilter/packet-log.ts';
export { PacketQueue, type PacketQueueOptions } from './netfilter/packet-queue.ts';
export type { Address, AddressFilter, AddressOptions } from './netlink/address.ts';
export type { BridgeConfiguration, Link, VxlanConfiguration } from './netlink/link.ts';
export type { Ipv4Conf, Ipv6AddressGeneration } from './netlink/link-attribute.ts';
export type { LinkChange } from './netlink/link-change.ts';
export type { LinkOptions, VethOptions, VxlanOptions } from './netlink/link-creation.ts';
export type { Change, MonitorGroup } from './netlink/monitor.ts';
export type { ForwardingEntry, Neighbour, NeighbourFilter, NeighbourOptions, NeighbourState } from './netlink/neighbour.ts';
export { Batch, Netlink } from './netlink/netlink.ts';
export { describeRoute, MAIN_TABLE, type NextHop, type Route, type RouteFilter, RouteProtocol, type RouteType } from './netlink/route.ts';
export type { LinkReference, RouteInput } from './netlink/route-operations.ts';
export type { Rule } from './netlink/rule.ts';
export type { Scope } from './netlink/scope.ts';
export type { TableChange, TableReference } from './nftables/nft-batch.ts';
export { type Counted, NftCounters } from './nftables/nft-counters.ts';
export { NftGeneration } from './nftables/nft-generation.ts';
export { NftSocket } from './nftables/nft-socket.ts';
export { NftTrace, type TraceEvent } from './nftables/nft-trace.ts';
export { Nftables, type NftObject } from './nftables/nftables.ts';
export type { Verdict } from './nftables/nftables-element.ts';
export type { KeyField } from './nftables/nftables-field.ts';
export { type PeerCredentials, peerCredentials } from './peer-credentials.ts';
export { Probe, type ProbeAnswer } from './probe.ts';
export { type ReceivedByNow, receivedByNow } from './received-by-now.ts';
export { sysctl } from './sysctl.ts';
