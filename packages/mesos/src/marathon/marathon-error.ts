/** A request that Marathon refused, or that did not get an answer. */
export class MarathonError extends Error {
  override readonly name = 'MarathonError';
  /** `EHTTP`: Marathon answered with an error, see `status`. `EUNAVAILABLE`: no answer. `EANSWER`: an answer of another shape. */
  readonly code: 'EHTTP' | 'EUNAVAILABLE' | 'EANSWER';
  readonly status: number | undefined;

  constructor(code: MarathonError['code'], message: string, options: ErrorOptions & { status?: number } = {}) {
    super(message, options);
    this.code = code;
    this.status = options.status;
  }
}
