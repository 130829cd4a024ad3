/** What stops a call of Docker's, or a question to it; the message says what to do. */
export class DockerError extends Error {
  /** `EREQUEST`: Docker asks for what there is not. `EINUSE`: another container has it. `EUNAVAILABLE`: Docker does not answer. `EANSWER`: it answers otherwise than it should. */
  readonly code: 'EREQUEST' | 'EINUSE' | 'EUNAVAILABLE' | 'EANSWER';

  constructor(code: DockerError['code'], message: string, options: ErrorOptions = {}) {
    super(message, options);
    this.name = 'DockerError';
    this.code = code;
  }
}
