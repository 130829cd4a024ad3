/** What went wrong, as RFC 9457 has it. Pure. */
import { STATUS_CODES } from 'node:http';

export interface Problem {
  type: 'about:blank';
  /** What the status means. */
  title: string;
  status: number;
  /** For people: what, and what to do. */
  detail: string;
  /** For programs; the codes of Weir's errors. */
  code: string;
  /** Of an object that is not valid: each field with what is wrong. */
  errors?: { path: string; message: string }[];
}

/** A request that is refused before anything was looked at. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly code: keyof typeof STATUS;

  constructor(code: keyof typeof STATUS, message: string) {
    super(message);
    this.code = code;
  }
}

/** By the codes of all packages' errors; each has one meaning. */
const STATUS = {
  EUSAGE: 400,
  EUNAUTHENTICATED: 401,
  EFORBIDDEN: 403,
  ENOTFOUND: 404,
  EEXISTS: 409,
  EREFUSED: 409,
  ECHANGED: 412,
  ECONFLICT: 412,
  EINVALID: 422,
  EBUSY: 503,
  EUNAVAILABLE: 503,
  EAUTH: 503,
  ETLS: 503,
  EFULL: 503,
  ECLOSED: 503,
} as const;

/** Undefined for what is a fault of ours, of which nobody outside is told more. */
export function problemOf(error: unknown): Problem | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, statusCode, issues } = error as Error & {
    code?: string;
    statusCode?: number;
    issues?: { path: string; message: string }[];
  };
  const status = statusOf(error.name, code, statusCode);
  if (status === undefined) return undefined;
  return {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? '',
    status,
    detail: error.message,
    code: code ?? 'EUSAGE',
    ...(error.name === 'ValidationError' && issues && { errors: issues.map(({ path, message }) => ({ path, message })) }),
  };
}

function statusOf(name: string, code: string | undefined, statusCode: number | undefined): number | undefined {
  // What the framework refuses: a body that is too long, no JSON, a method that is not there.
  if (statusCode !== undefined && statusCode < 500) return statusCode;
  if (name === 'SelectorError') return 400;
  // Address management has many reasons, and each is that the cluster is as it is.
  if (name === 'IpamError') return 409;
  return STATUS[code as keyof typeof STATUS];
}
