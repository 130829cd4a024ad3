import { isKind, type Kind, kindInfo } from './kinds/index.ts';

const ROOT = '/weir/v1/';

/** Names an object among all: what its key in the store says. */
export interface ObjectId {
  kind: Kind;
  /** Present exactly for namespaced kinds. */
  namespace?: string;
  name: string;
}

/** Key of an object in the store: `/weir/v1/<kind>/[<namespace>/]<name>`. */
export function keyOf(object: { kind: Kind; metadata: { name: string; namespace?: string } }): string {
  return `${keyPrefix(object.kind, object.metadata.namespace)}${object.metadata.name}`;
}

/** What the keys of a kind's objects begin with, those of one namespace if it is given. Ends with a slash, so that no other kind begins the same. */
export function keyPrefix(kind: Kind, namespace?: string): string {
  return kindInfo(kind).namespaced && namespace !== undefined ? `${ROOT}${kind}/${namespace}/` : `${ROOT}${kind}/`;
}

/** The inverse of {@link keyOf}; undefined for a key that is none of ours. */
export function parseKey(key: string): ObjectId | undefined {
  if (!key.startsWith(ROOT)) return undefined;
  const [kind, ...rest] = key.slice(ROOT.length).split('/');
  if (!isKind(kind) || rest.length !== (kindInfo(kind).namespaced ? 2 : 1) || rest.includes('')) return undefined;
  const name = rest.at(-1)!;
  return rest.length === 2 ? { kind, namespace: rest[0]!, name } : { kind, name };
}

/** Not among the objects, whose watchers need not hear of it. */
const PRESENCE = '/weir/presence/';

/** Key of a host's sign of life, which its agent keeps on a lease. Its value is JSON: `{version, since}`. Without a host: the prefix of all. */
export function presenceKey(host = ''): string {
  return PRESENCE + host;
}
