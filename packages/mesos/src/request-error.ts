/** A request that was refused, or that did not get an answer. */
export abstract class RequestError extends Error {
  /** `EHTTP`: refused, see `status`. `EUNAVAILABLE`: no answer. `EANSWER`: an answer of another shape. */
  readonly code: 'EHTTP' | 'EUNAVAILABLE' | 'EANSWER';
  /** Of HTTP, when it was refused. */
  readonly status: number | undefined;

  constructor(code: RequestError['code'], message: string, options: ErrorOptions & { status?: number } = {}) {
    super(message, options);
    this.code = code;
    this.status = options.status;
  }
}
