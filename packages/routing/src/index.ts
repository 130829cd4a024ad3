export { BIRD_PROTOCOL, DNS4, DNS6, GATEWAY4, GATEWAY6, ROUTE_PROTOCOL } from './addresses.ts';
export { parseBfdSessions, parseProtocols } from './bgp/bird-answer.ts';
export { birdConfig, CONFIG_HASH } from './bgp/bird-config.ts';
export { changesBgp } from './bgp/changes-bgp.ts';
export { type BgpSessionStatus, sessionStatus } from './bgp/session-status.ts';
export { type BgpPlan, type BgpSpeaker, bgpPlan } from './bgp/speaker.ts';
export { unusedRanges } from './bgp/unused-ranges.ts';
export {
  type Attaching,
  type Attachment,
  attach,
  attachmentOf,
  beginAttach,
  type LinkRequest,
  type LinkSettings,
} from './container/attach.ts';
export { findHostEnd, type HostEnd } from './container/host-end.ts';
export { inspect, type Wiring, type WiringEnd } from './container/inspect.ts';
export { type LinkOwner, ownerIn } from './container/link-owner.ts';
export { LinkReaper } from './container/link-reaper.ts';
export { LinkThread } from './container/link-thread.ts';
export { type Attached, mendContainers } from './container/mend-containers.ts';
export { flannelLink, flannelMac, flannelRoutes, isFlannelLink, vtepAddress } from './flannel/flannel-routes.ts';
export { type FlannelEnd, type FlannelPeer, leaseName, leaseValue, parseLease, subnetsOf } from './flannel/lease.ts';
export { chooseLease, type Subnets } from './flannel/lease-choice.ts';
export { type FlannelNetwork, parseFlannelNetwork } from './flannel/network-config.ts';
export { gatewayIn, subnetFile } from './flannel/subnet-file.ts';
export { dnsAddresses, removeDnsAddresses } from './host/dns-addresses.ts';
export { countFlows, hostSetup } from './host/host-setup.ts';
export { type RouteFailure, RouteTable } from './routes/route-table.ts';
export { type BlockRoute, changesRoutes, desiredRoutes, type Routing, type RoutingState } from './routes/routes.ts';
export { serviceRoutes } from './routes/service-routes.ts';
export { RoutingError } from './routing-error.ts';
export { TUNNEL_LINK, TUNNEL_OVERHEAD, tunnelMac, tunnelMtu } from './tunnel/tunnel.ts';
export { ensureTunnelDevice, removeTunnelDevice } from './tunnel/tunnel-device.ts';
export { TunnelPeers } from './tunnel/tunnel-peers.ts';
