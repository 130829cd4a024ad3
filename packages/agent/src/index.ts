export { runAgent } from './agent.ts';
export { AgentError } from './agent-error.ts';
export { findBird } from './bgp/bird-process.ts';
export { type AgentConfig, readConfig } from './config.ts';
export { dockerNetworks } from './docker/serve-docker.ts';
