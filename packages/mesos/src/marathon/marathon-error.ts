import { RequestError } from '../request-error.ts';

/** Of Marathon. */
export class MarathonError extends RequestError {
  override readonly name = 'MarathonError';
}
