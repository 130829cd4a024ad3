export { runAgent } from './agent.ts';
export { AgentError, type AgentErrorCode } from './agent-error.ts';
export { findBird } from './bgp/bird-process.ts';
export { type AgentConfig, readConfig } from './config.ts';
