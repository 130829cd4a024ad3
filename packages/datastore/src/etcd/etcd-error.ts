import { StoreError, type StoreErrorCode } from '../store-error.ts';
import type { EtcdOptions } from '../store-options.ts';

/** What one attempt at one endpoint came to. */
export interface EtcdFailure {
  code: StoreErrorCode;
  /** No request left this machine, so nothing can have been done by it. */
  unsent: boolean;
  reason: string;
  cause: unknown;
}

/** etcd's, gRPC's and OpenSSL's texts: etcd uses one status code for many things. The first that matches counts. */
const PATTERNS: [RegExp, StoreErrorCode][] = [
  [/authentication failed, invalid user ID or password|user name is empty|user name not found|invalid auth token/i, 'EAUTH'],
  [/permission denied|authentication is not enabled|Unauthenticated/i, 'EAUTH'],
  [/database space exceeded/i, 'EFULL'],
  [/required revision has been compacted/i, 'ECOMPACTED'],
  [/required revision is a future revision/i, 'EHISTORY'],
  [/requested lease not found/i, 'ELEASE'],
  [/request is too large|too many operations|duplicate key given|key is not provided/i, 'EINVAL'],
  [/certificate|self.signed|CERT_|altname|wrong version number|SSL|TLS|unable to (get|verify)|tlsv1|handshake/i, 'ETLS'],
];

const UNSENT = /No connection established|Name resolution failed|Waiting for LB pick/;

/** Sorts what grpc-js or node:tls threw. Anything unknown counts as the store not being available. */
export function failureOf(error: unknown): EtcdFailure {
  const reason = error instanceof Error ? error.message : String(error);
  const code = PATTERNS.find(([pattern]) => pattern.test(reason))?.[1] ?? 'EUNAVAILABLE';
  return { code, unsent: UNSENT.test(reason), reason: shorten(reason), cause: error };
}

/** The error for the user: which endpoints, what happened, what to check. Holds no password or key. */
export function storeErrorOf({ code, unsent, reason, cause }: EtcdFailure, options: EtcdOptions, wrote: boolean): StoreError {
  const maybeCommitted = wrote && code === 'EUNAVAILABLE' && !unsent;
  const outcome = maybeCommitted ? '; the change may or may not have been made' : '';
  return new StoreError(code, `etcd ${options.endpoints.join(', ')}: ${reason}${outcome}; ${adviceFor(code, reason, options)}`, {
    cause,
    maybeCommitted,
  });
}

function adviceFor(code: StoreErrorCode, reason: string, { username, caFile, certFile, endpoints }: EtcdOptions): string {
  switch (code) {
    case 'EAUTH':
      if (/not enabled/.test(reason)) return 'leave out the user, or switch it on with `etcdctl auth enable`';
      return username === undefined
        ? 'etcd wants a user: give WEIR_ETCD_USERNAME and WEIR_ETCD_PASSWORD_FILE'
        : `check user ${JSON.stringify(username)}, its password, and that its role may read and write /weir/`;
    case 'ETLS':
      return `check that ${caFile ?? "one of Node's built-in authorities"} signed the server's certificate, that it is valid for the endpoint's name and in time, ${
        certFile ? `that the server trusts ${certFile}` : 'whether the server wants a client certificate'
      }, and http or https`;
    case 'EFULL':
      return "nothing was changed: etcd's quota is used up. Compact and defragment it, or raise its --quota-backend-bytes, then `etcdctl alarm disarm`";
    case 'ECOMPACTED':
    case 'EHISTORY':
      return 'list again and watch from there';
    case 'ELEASE':
      return 'take a new lease';
    case 'EINVAL':
      return "split the request or raise etcd's --max-request-bytes or --max-txn-ops";
    default:
      return `check that etcd runs there, wants ${endpoints[0]!.startsWith('https:') ? 'https' : 'http and not https'}, answers \`etcdctl --endpoints ${endpoints.join(',')} endpoint health\`, and that no firewall is between`;
  }
}

/** grpc-js writes the same reason up to three times, over several lines, with its own internals. */
function shorten(reason: string): string {
  const late = /Deadline exceeded after ([\d.]+s)/.exec(reason)?.[1];
  if (late) return `no answer in ${late}`;
  const last = /Last error: (.*?)(?:\. Resolution note:.*|\n.*)?$/s.exec(reason)?.[1];
  return (last ?? reason)
    .split('\n')[0]!
    .replace(/^(Error: |\d+ [A-Z_]+: )+/, '')
    .slice(0, 300);
}
