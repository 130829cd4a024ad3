/** Where in the API the objects of a kind are. Pure. */
import { KINDS, type Kind, type KindInfo, type ObjectId } from '@weir/resources';

export const PREFIX = '/v1';

/** In the way of fastify; `{name}` instead of `:name` for OpenAPI. */
export function listPath({ plural, namespaced }: KindInfo): string {
  return namespaced ? `${PREFIX}/namespaces/:namespace/${plural}` : `${PREFIX}/${plural}`;
}

export function objectPath(kind: KindInfo): string {
  return `${listPath(kind)}/:name`;
}

/** Of a namespaced kind: the objects of all namespaces. */
export function clusterListPath({ plural }: KindInfo): string {
  return `${PREFIX}/${plural}`;
}

/** Kinds whose objects programs may write: the rest is Weir's own. */
const READ_ONLY: ReadonlySet<Kind> = new Set(['Endpoint', 'Block']);

export function isWritable({ kind }: KindInfo): boolean {
  return !READ_ONLY.has(kind);
}

export const API_KINDS: readonly KindInfo[] = KINDS;

/** The URL's path of an object. */
export function pathOf(kind: KindInfo, { namespace, name }: Omit<ObjectId, 'kind'>): string {
  return objectPath(kind)
    .replace(':namespace', encodeURIComponent(namespace ?? ''))
    .replace(':name', encodeURIComponent(name));
}
