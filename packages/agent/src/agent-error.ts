/** Stable codes: ECONFIG (configuration file), ENOTREADY (try again later), EALREADY (another agent runs on this host). */
export type AgentErrorCode = 'ECONFIG' | 'ENOTREADY' | 'EALREADY';

export class AgentError extends Error {
  override readonly name = 'AgentError';
  readonly code: AgentErrorCode;

  constructor(code: AgentErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
