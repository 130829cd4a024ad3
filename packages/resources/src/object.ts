import { z } from 'zod';
import { isKind, KINDS, type Kind, kindInfo, type SpecByKind } from './kinds/index.ts';
import { kindElsewhere } from './kinds/names-elsewhere.ts';
import { type Metadata, metadataSchema } from './metadata.ts';
import { field } from './validation/field.ts';
import { parseWith } from './validation/parse-with.ts';
import { nearest } from './validation/suggestion.ts';
import { type Issue, type Origin, show, ValidationError } from './validation/validation-error.ts';

export const API_VERSION = 'weir/v1';

/** What the store holds and users write. */
export interface WeirObject<K extends string = string, S = unknown, T = unknown> {
  apiVersion: typeof API_VERSION;
  kind: K;
  metadata: Metadata;
  spec: S;
  /** What was measured of it; present only where something measures. */
  status?: T;
}

/** The object of a kind. */
export type ObjectOf<K extends Kind> = WeirObject<K, SpecByKind[K]>;

export type Endpoint = ObjectOf<'Endpoint'>;
export type Policy = ObjectOf<'Policy'>;
export type GlobalPolicy = ObjectOf<'GlobalPolicy'>;
export type Tier = ObjectOf<'Tier'>;
export type NetworkSet = ObjectOf<'NetworkSet'>;
export type GlobalNetworkSet = ObjectOf<'GlobalNetworkSet'>;
export type Namespace = ObjectOf<'Namespace'>;
export type Network = ObjectOf<'Network'>;
export type Pool = ObjectOf<'Pool'>;
export type Reservation = ObjectOf<'Reservation'>;
export type Claim = ObjectOf<'Claim'>;
export type IpamConfig = ObjectOf<'IpamConfig'>;
export type Host = ObjectOf<'Host'>;
export type HostEndpoint = ObjectOf<'HostEndpoint'>;
export type Service = ObjectOf<'Service'>;
export type BgpConfig = ObjectOf<'BgpConfig'>;
export type BgpPeer = ObjectOf<'BgpPeer'>;
export type BgpFilter = ObjectOf<'BgpFilter'>;
export type Block = ObjectOf<'Block'>;
export type RemoteCluster = ObjectOf<'RemoteCluster'>;
export type RemoteEndpoint = ObjectOf<'RemoteEndpoint'>;

/** An object of any kind; `kind` tells which. */
export type AnyObject = { [K in Kind]: ObjectOf<K> }[Kind];

const schemas = new Map<Kind, z.ZodType>();

/** The schema of a kind's whole object. Made at first use: a CNI call needs one or two of them. */
function objectSchema(kind: Kind): z.ZodType {
  let schema = schemas.get(kind);
  if (schema === undefined) {
    const info = kindInfo(kind);
    schema = z.strictObject({
      apiVersion: field(parseApiVersion, { const: API_VERSION }),
      kind: z.literal(kind),
      metadata: metadataSchema(info),
      spec: info.spec,
      status: z.unknown().optional(),
    });
    schemas.set(kind, schema);
  }
  return schema;
}

/** What a kind's objects look like as JSON Schema, 2020-12: what is taken, before defaults are filled in. */
export function jsonSchemaOf(kind: Kind): Record<string, unknown> {
  const { $schema: _, ...schema } = z.toJSONSchema(objectSchema(kind), { io: 'input', unrepresentable: 'any' });
  return schema;
}

/**
 * Checks an object and gives a copy with all defaults filled in, texts in canonical form and keys in the order of the kind's description.
 *
 * @param value anything, as it comes out of YAML or JSON
 * @param origin for the error's text
 * @throws ValidationError with all issues of the object
 */
export function parseObject(value: unknown, origin?: Origin): AnyObject {
  return withOrigin(value, origin, () => parseWith(objectSchema(kindOf(value)), value) as AnyObject);
}

/** Runs a parser, and tells in its errors which object is meant and where it came from. */
export function withOrigin<T>(value: unknown, origin: Origin | undefined, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    const object = objectTitle(value);
    throw new ValidationError(
      error.issues.map((issue) => ({ ...issue, ...(object !== undefined && { object }), ...(origin && { origin }) })),
    );
  }
}

/** `Policy "access-nginx"`, as far as the value has kind and name. */
function objectTitle(value: unknown): string | undefined {
  const { kind, metadata } = (value ?? {}) as { kind?: unknown; metadata?: { name?: unknown } | null };
  if (typeof kind !== 'string') return undefined;
  return typeof metadata?.name === 'string' ? `${kind} ${show(metadata.name)}` : kind;
}

/** The kind comes first: without it there is nothing to check the rest against. */
function kindOf(value: unknown): Kind {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw ValidationError.of(value, 'is no object', 'expected a mapping with apiVersion, kind, metadata and spec');
  }
  const { apiVersion, kind } = value as { apiVersion?: unknown; kind?: unknown };
  if (isKind(kind)) return kind;
  const issues: Issue[] = [];
  for (const [path, given, check] of [['apiVersion', apiVersion, parseApiVersion] as const, ['kind', kind, refuseKind] as const]) {
    try {
      check(given);
    } catch (error) {
      if (!(error instanceof ValidationError)) throw error;
      issues.push({ ...error.issues[0]!, path });
    }
  }
  throw new ValidationError(issues);
}

function parseApiVersion(value: unknown): typeof API_VERSION {
  if (value === API_VERSION) return value;
  const ofCalico2 = value === 'v1' ? '; "v1" of Calico 2 becomes what is taken here by `calicoctl convert` of Calico 3' : '';
  throw ValidationError.of(
    value,
    'is not known',
    `expected "${API_VERSION}", or "networking.k8s.io/v1" for a Kubernetes NetworkPolicy${ofCalico2}`,
  );
}

function refuseKind(value: unknown): never {
  const kinds = KINDS.map(({ kind }) => kind);
  if (value === 'NetworkPolicy') {
    throw ValidationError.of(
      value,
      `is no kind of ${API_VERSION}`,
      'write kind Policy, or apiVersion networking.k8s.io/v1 for a Kubernetes NetworkPolicy',
    );
  }
  const meant = typeof value === 'string' ? (kindElsewhere(value) ?? nearest(value, kinds)) : undefined;
  throw ValidationError.of(value, 'is no kind', meant ? `did you mean "${meant}"?` : `expected ${kinds.join(', ')}`);
}
