export { DockerError } from './docker-error.ts';
export type { DockerContainer } from './engine/container.ts';
export { DockerClient, type DockerNetwork } from './engine/docker-client.ts';
export { joinContainer } from './engine/join-container.ts';
export { answer, type PluginAnswer, type Role } from './plugin/answer.ts';
export { Driver } from './plugin/driver.ts';
export { type DockerOwner, isOfDocker } from './plugin/endpoint-identity.ts';
export { type NetworkOptions, readNetworkOptions } from './plugin/network-options.ts';
