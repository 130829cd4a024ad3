export { anyHeader, anyObject, anyVariation, variation } from './arbitraries.ts';
export { NftNamespace } from './nft.ts';
export { endpoint, networkSet, policy, service } from './objects.ts';
export type { Packet } from './packet.ts';
export { reference } from './reference.ts';
export { structureScript } from './structure-script.ts';
