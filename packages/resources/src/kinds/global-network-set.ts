import type { NetworkSetSpec } from './network-set.ts';

export { networkSetSpecSchema as globalNetworkSetSpecSchema } from './network-set.ts';

/** A NetworkSet of no namespace: selectors without namespaceSelector take it in a GlobalPolicy, in a Policy `namespaceSelector: global()` does. */
export type GlobalNetworkSetSpec = NetworkSetSpec;
