/**
 * Stable codes: ECONFIG (configuration file), ENOTREADY (try again later), EALREADY (another agent runs on this host), EHOSTPORT (another
 * container has the port), ENOLINK (an interface is gone that was there a moment ago).
 */
export type AgentErrorCode = 'ECONFIG' | 'ENOTREADY' | 'EALREADY' | 'EHOSTPORT' | 'ENOLINK';

export class AgentError extends Error {
  override readonly name = 'AgentError';
  readonly code: AgentErrorCode;

  constructor(code: AgentErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
