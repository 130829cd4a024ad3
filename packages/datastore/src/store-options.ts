import { z } from 'zod';
import { StoreError } from './store-error.ts';

export interface EmbeddedOptions {
  backend: 'embedded';
  /** Absolute path of the database file, on a local disk. */
  path: string;
  timeoutMilliseconds: number;
}

export interface EtcdOptions {
  backend: 'etcd';
  /** `http://host:port` or `https://host:port`, all of one scheme. */
  endpoints: string[];
  /** PEM files, read when the store is opened. Without `caFile`, https trusts Node's own list of authorities. */
  caFile?: string;
  certFile?: string;
  keyFile?: string;
  username?: string;
  password?: { text: string } | { file: string };
  /** How long one call may take, over all endpoints, before it fails with EUNAVAILABLE. */
  timeoutMilliseconds: number;
}

export type StoreOptions = EmbeddedOptions | EtcdOptions;

export interface StoreOptionSources {
  env: Record<string, string | undefined>;
  /** By the flag's name without dashes in front: `{ 'etcd-endpoints': 'http://10.0.0.1:2379' }`. Others are ignored. */
  flags?: Record<string, unknown>;
  /** The `store` section of a configuration file, parsed, and the file's path for messages. */
  configFile?: { path: string; store: unknown };
}

interface Candidate {
  source: string;
  value: unknown;
}

interface Setting<Value> {
  /** In the order of precedence. */
  candidates: Candidate[];
  schema: z.ZodType<Value>;
  secret?: boolean;
}

const DEFAULT_PATH = '/var/lib/weir/weir.db';
const DEFAULT_TIMEOUT_SECONDS = 5;

const absolutePath = z.string().startsWith('/', 'must be an absolute path');
const endpoint = z
  .string()
  .trim()
  .regex(/^(https?:\/\/)?(\[[0-9a-fA-F:.]+\]|[^\s/:[\]]+):\d{1,5}\/?$/, 'must be host:port, http://host:port or https://host:port');
const endpoints = z.preprocess((value) => (typeof value === 'string' ? value.split(',') : value), z.array(endpoint).min(1));
const name = z.string().min(1);
const password = z.union([z.strictObject({ text: z.string().min(1) }), z.strictObject({ file: absolutePath })]);
const seconds = z.coerce.number('must be a number of seconds').positive().max(600);

const configSection = z.strictObject({
  backend: z.unknown(),
  path: z.unknown(),
  timeout: z.unknown(),
  etcd: z
    .strictObject({
      endpoints: z.unknown(),
      caFile: z.unknown(),
      certFile: z.unknown(),
      keyFile: z.unknown(),
      user: z.unknown(),
      username: z.unknown(),
      password: z.unknown(),
      passwordFile: z.unknown(),
    })
    .partial()
    .optional(),
});

/**
 * Where the store is and how to reach it. For each setting by itself: flags > `WEIR_…` > `ETCDCTL_…` > configuration file > default.
 * The default is the embedded store at /var/lib/weir/weir.db. Where no kind is said, endpoints named in one of Weir's own sources (not
 * `ETCDCTL_…`) make it etcd, and a path the embedded one; that counts for more than a kind from a source that counts for less.
 *
 * | flag | WEIR_… | ETCDCTL_… | file, below `store` |
 * |---|---|---|---|
 * | store | WEIR_STORE | | backend |
 * | store-path | WEIR_STORE_PATH | | path |
 * | store-timeout (seconds) | WEIR_STORE_TIMEOUT | | timeout |
 * | etcd-endpoints | WEIR_ETCD_ENDPOINTS | ENDPOINTS | etcd.endpoints |
 * | etcd-ca-file, etcd-cert-file, etcd-key-file | WEIR_ETCD_CA_FILE, …_CERT_FILE, …_KEY_FILE | CACERT, CERT, KEY | etcd.caFile, certFile, keyFile |
 * | etcd-user (name or name:password) | WEIR_ETCD_USER, …_USERNAME | USER | etcd.user, username |
 * | etcd-password-file | WEIR_ETCD_PASSWORD, …_PASSWORD_FILE | PASSWORD | etcd.password, passwordFile |
 *
 * Throws EINVAL naming for each bad value its source, and what is allowed; passwords are never shown.
 */
export function resolveStoreOptions({ env, flags = {}, configFile }: StoreOptionSources): StoreOptions {
  const problems: string[] = [];
  const flag = (name: string): Candidate => ({ source: `flag --${name}`, value: flags[name] });
  const variable = (name: string): Candidate => ({ source: name, value: env[name] });
  const section = readSection(configFile, problems);
  const file = (name: keyof typeof section): Candidate => ({ source: `${configFile?.path}: store.${name}`, value: section[name] });
  const etcdFile = (name: string): Candidate => ({
    source: `${configFile?.path}: store.etcd.${name}`,
    value: (section.etcd as Record<string, unknown> | undefined)?.[name],
  });
  const choose = <Value>({ candidates, schema, secret = false }: Setting<Value>): Value | undefined => {
    const chosen = candidates.find(isGiven);
    if (!chosen) return undefined;
    const parsed = schema.safeParse(chosen.value);
    if (parsed.success) return parsed.data;
    const reasons = [...new Set(parsed.error.issues.map(({ message }) => message))].join('; ');
    problems.push(`${chosen.source}: ${secret ? '' : `${JSON.stringify(chosen.value)}: `}${reasons}`);
    return undefined;
  };

  const ownEndpoints = [flag('etcd-endpoints'), variable('WEIR_ETCD_ENDPOINTS'), etcdFile('endpoints')];
  const paths = [flag('store-path'), variable('WEIR_STORE_PATH'), file('path')];
  // Who names endpoints or a path means that store, whatever a source that counts for less says of its kind.
  const kinds = [flag('store'), variable('WEIR_STORE'), file('backend')].flatMap((kind, index) => [
    kind,
    meaning('etcd', ownEndpoints[index]!),
    meaning('embedded', paths[index]!),
  ]);
  const backend = choose({ candidates: kinds, schema: z.enum(['embedded', 'etcd'], 'must be embedded or etcd') }) ?? 'embedded';
  const timeoutMilliseconds =
    1000 *
    (choose({ candidates: [flag('store-timeout'), variable('WEIR_STORE_TIMEOUT'), file('timeout')], schema: seconds }) ??
      DEFAULT_TIMEOUT_SECONDS);

  if (backend === 'embedded') {
    const path = choose({ candidates: paths, schema: absolutePath });
    refuse(problems);
    return { backend, path: path ?? DEFAULT_PATH, timeoutMilliseconds };
  }

  const tlsFile = (flagName: string, weir: string, etcdctl: string, name: string) =>
    choose({ candidates: [flag(flagName), variable(weir), variable(etcdctl), etcdFile(name)], schema: absolutePath });
  const options: EtcdOptions = {
    backend,
    endpoints:
      choose({
        candidates: [...ownEndpoints.slice(0, 2), variable('ETCDCTL_ENDPOINTS'), etcdFile('endpoints')],
        schema: endpoints,
      }) ?? [],
    caFile: tlsFile('etcd-ca-file', 'WEIR_ETCD_CA_FILE', 'ETCDCTL_CACERT', 'caFile'),
    certFile: tlsFile('etcd-cert-file', 'WEIR_ETCD_CERT_FILE', 'ETCDCTL_CERT', 'certFile'),
    keyFile: tlsFile('etcd-key-file', 'WEIR_ETCD_KEY_FILE', 'ETCDCTL_KEY', 'keyFile'),
    username: choose({
      candidates: [
        ...[flag('etcd-user'), variable('WEIR_ETCD_USER')].map(userOf),
        variable('WEIR_ETCD_USERNAME'),
        ...[variable('ETCDCTL_USER'), etcdFile('user')].map(userOf),
        etcdFile('username'),
      ],
      schema: name,
      secret: true,
    }),
    password: choose({
      candidates: [
        asFile(flag('etcd-password-file')),
        ...[flag('etcd-user'), variable('WEIR_ETCD_USER')].map(passwordOf),
        asText(variable('WEIR_ETCD_PASSWORD')),
        asFile(variable('WEIR_ETCD_PASSWORD_FILE')),
        passwordOf(variable('ETCDCTL_USER')),
        asText(variable('ETCDCTL_PASSWORD')),
        passwordOf(etcdFile('user')),
        asText(etcdFile('password')),
        asFile(etcdFile('passwordFile')),
      ],
      schema: password,
      secret: true,
    }),
    timeoutMilliseconds,
  };
  if (problems.length === 0) problems.push(...inconsistencies(options));
  refuse(problems);
  return { ...options, endpoints: options.endpoints.map((text) => withScheme(text, hasTls(options))) };
}

function readSection(configFile: StoreOptionSources['configFile'], problems: string[]): z.infer<typeof configSection> {
  const none = { backend: undefined, path: undefined, timeout: undefined };
  if (configFile?.store === undefined || configFile.store === null) return none;
  const parsed = configSection.partial().safeParse(configFile.store);
  if (parsed.success) return { ...none, ...parsed.data };
  for (const { path, message } of parsed.error.issues) problems.push(`${configFile.path}: ${['store', ...path].join('.')}: ${message}`);
  return none;
}

/** The kind that a place is of, where it is given. */
function meaning(kind: StoreOptions['backend'], place: Candidate): Candidate {
  return { source: place.source, value: isGiven(place) ? kind : undefined };
}

/** An empty variable counts as not set. */
function isGiven({ value }: Candidate): boolean {
  return value !== undefined && value !== null && value !== '';
}

/** `name:password` or `name`, as etcdctl's --user. */
function userOf({ source, value }: Candidate): Candidate {
  return { source, value: typeof value === 'string' ? value.split(':', 1)[0] : value };
}

function passwordOf({ source, value }: Candidate): Candidate {
  const colon = typeof value === 'string' ? value.indexOf(':') : -1;
  return { source, value: colon < 0 ? undefined : { text: (value as string).slice(colon + 1) } };
}

function asText(candidate: Candidate): Candidate {
  return isGiven(candidate) ? { ...candidate, value: { text: candidate.value } } : candidate;
}

function asFile(candidate: Candidate): Candidate {
  return isGiven(candidate) ? { ...candidate, value: { file: candidate.value } } : candidate;
}

function hasTls({ caFile, certFile, keyFile }: EtcdOptions): boolean {
  return [caFile, certFile, keyFile].some((file) => file !== undefined);
}

function inconsistencies(options: EtcdOptions): string[] {
  const { endpoints, certFile, keyFile, username, password } = options;
  const problems: string[] = [];
  if (endpoints.length === 0)
    problems.push('the etcd store needs endpoints: give --etcd-endpoints, WEIR_ETCD_ENDPOINTS or store.etcd.endpoints');
  const schemes = new Set(endpoints.map((text) => new URL(withScheme(text, hasTls(options))).protocol));
  if (schemes.size > 1) problems.push(`etcd endpoints ${endpoints.join(',')}: mix http and https; use one of them for all`);
  else if (schemes.has('http:') && hasTls(options)) {
    problems.push(`etcd endpoints ${endpoints.join(',')}: TLS files are given, but http:// would not use them; write https://`);
  }
  if ((certFile === undefined) !== (keyFile === undefined))
    problems.push('an etcd client certificate needs both its cert file and its key file');
  if (username !== undefined && password === undefined)
    problems.push('an etcd user needs a password: give WEIR_ETCD_PASSWORD_FILE or user:password');
  if (username === undefined && password !== undefined)
    problems.push('an etcd password needs a user: give WEIR_ETCD_USERNAME or user:password');
  return problems;
}

function withScheme(text: string, tls: boolean): string {
  const bare = text.replace(/\/$/, '');
  return /^https?:\/\//.test(bare) ? bare : `${tls ? 'https' : 'http'}://${bare}`;
}

function refuse(problems: string[]): void {
  if (problems.length > 0) throw new StoreError('EINVAL', `store settings: ${problems.join('\n')}`);
}
