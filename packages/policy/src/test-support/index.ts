export { anyHeader, anyHost, anyObject, anyService, anyVariation, DNS_NAMES, variation } from './arbitraries.ts';
export { anyKubernetesPolicy, anyPodTraits, anyTeams, asKept } from './kubernetes-arbitraries.ts';
export { type KubernetesPolicy, kubernetesVerdict } from './kubernetes-reference.ts';
export { NftNamespace } from './nft.ts';
export { endpoint, networkSet, policy, service } from './objects.ts';
export type { Packet } from './packet.ts';
export { type MetRule, reference, ruleMatches, selects, type Told } from './reference.ts';
export { structureScript } from './structure-script.ts';
