export { runAgent } from './agent.ts';
export { AgentError, type AgentErrorCode } from './agent-error.ts';
export { type AgentConfig, readConfig } from './config.ts';
