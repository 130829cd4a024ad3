export { ROUTE_PROTOCOL } from './addresses.ts';
export { type Attachment, type AttachRequest, attach } from './attach.ts';
export { hostSetup } from './host-setup.ts';
export { inspect, type Wiring } from './inspect.ts';
export { LinkReaper } from './link-reaper.ts';
export { type RouteFailure, RouteTable } from './route-table.ts';
export { type BlockRoute, changesRoutes, desiredRoutes, type RoutingState } from './routes.ts';
export { RoutingError, type RoutingErrorCode } from './routing-error.ts';
