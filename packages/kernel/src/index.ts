export { KernelError } from './error.ts';
export {
  createNamespace,
  currentNamespace,
  deleteNamespace,
  inNamespace,
  type Namespace,
  NamespaceHandle,
  openNamespace,
} from './namespace.ts';
export type { Address, AddressFilter, AddressOptions } from './netlink/address.ts';
export type {
  Ipv4Conf,
  Ipv6AddressGeneration,
  Link,
  LinkChange,
  LinkOptions,
  VethOptions,
  VxlanConfiguration,
  VxlanOptions,
} from './netlink/link.ts';
export type { Change, MonitorGroup } from './netlink/monitor.ts';
export type { ForwardingEntry, Neighbour, NeighbourFilter, NeighbourOptions, NeighbourState } from './netlink/neighbour.ts';
export { Batch, Netlink } from './netlink/netlink.ts';
export { describeRoute, MAIN_TABLE, type NextHop, type Route, type RouteFilter, RouteProtocol, type RouteType } from './netlink/route.ts';
export type { LinkReference, RouteInput } from './netlink/route-operations.ts';
export type { Rule } from './netlink/rule.ts';
export type { Scope } from './netlink/scope.ts';
export { Nftables, type NftObject } from './nftables.ts';
