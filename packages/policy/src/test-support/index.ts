export { anyObject, anyVariation, variation } from './arbitraries.ts';
export { NftNamespace } from './nft.ts';
export { structureScript } from './structure-script.ts';
