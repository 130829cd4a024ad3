import { RequestError } from '../request-error.ts';

/** Of a Mesos agent. */
export class MesosError extends RequestError {
  override readonly name = 'MesosError';
}
