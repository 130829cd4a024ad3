/** A request to a Mesos agent that got no answer, was refused, or was answered in another shape. */
export class MesosError extends Error {
  override readonly name = 'MesosError';
  readonly code: 'EHTTP' | 'EUNAVAILABLE' | 'EANSWER';
  /** Of HTTP, when the agent refused. */
  readonly status: number | undefined;

  constructor(code: MesosError['code'], message: string, options: ErrorOptions & { status?: number } = {}) {
    super(message, options);
    this.code = code;
    this.status = options.status;
  }
}
