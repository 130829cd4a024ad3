/**
 * Stable codes: ECONFIG (configuration file, or what it says cannot be had), ENOTREADY (try again later), EALREADY (another agent runs on this host), EHOSTPORT (another
 * container has the port), ENOLINK (an interface is gone that was there a moment ago), ENOBIRD (the routing daemon is not installed), EBIRD (it
 * refuses, or does not answer).
 */
export type AgentErrorCode = 'ECONFIG' | 'ENOTREADY' | 'EALREADY' | 'EHOSTPORT' | 'ENOLINK' | 'ENOBIRD' | 'EBIRD';

export class AgentError extends Error {
  override readonly name = 'AgentError';
  readonly code: AgentErrorCode;

  constructor(code: AgentErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
