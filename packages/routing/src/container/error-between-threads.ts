/** Of an error that is sent to another thread, the message alone would arrive: not its class, nor its code. Pure. */
import { KernelError } from '@weir/kernel';
import { RoutingError, type RoutingErrorCode } from '../routing-error.ts';

export type SentError =
  | {
      kind: 'kernel';
      errno: number;
      operation: string;
      extendedAck?: string | undefined;
      batchIndex?: number | undefined;
      others: SentError[];
    }
  | { kind: 'routing'; code: RoutingErrorCode; message: string; cause?: SentError }
  | { kind: 'other'; error: unknown };

export function sentError(error: unknown): SentError {
  if (error instanceof KernelError) {
    const { errno, operation, extendedAck, batchIndex, others } = error;
    return { kind: 'kernel', errno, operation, extendedAck, batchIndex, others: others.map(sentError) };
  }
  if (error instanceof RoutingError) {
    const { code, message, cause } = error;
    return { kind: 'routing', code, message, ...(cause !== undefined && { cause: sentError(cause) }) };
  }
  return { kind: 'other', error };
}

export function receivedError(sent: SentError): unknown {
  switch (sent.kind) {
    case 'kernel': {
      const { errno, operation, extendedAck, batchIndex, others } = sent;
      return new KernelError(errno, operation, {
        ...(extendedAck !== undefined && { extendedAck }),
        ...(batchIndex !== undefined && { batchIndex }),
        others: others.map(receivedError) as KernelError[],
      });
    }
    case 'routing':
      return new RoutingError(sent.code, sent.message, sent.cause && { cause: receivedError(sent.cause) });
    case 'other':
      return sent.error;
  }
}
