/** What Marathon's checks found, on the endpoints of its tasks: services lead new flows to those that are ready. */
import { type ObjectStore, StoreError } from '@weir/datastore';
import type { Readiness } from '@weir/mesos';
import type { Endpoint } from '@weir/resources';
import { isUnreadable } from './app-owned-objects.ts';

/**
 * Pure: endpoints whose `ready` is another one than Marathon's checks say. Where no result is there yet, what was known last holds: a Marathon
 * that has just begun to lead knows of none, and must not take all backends away. A task that never had one is not ready.
 */
export function staleReadiness(
  endpoints: Iterable<Endpoint>,
  readiness: ReadonlyMap<string, Readiness>,
): { endpoint: Endpoint; ready: boolean | undefined }[] {
  const stale: { endpoint: Endpoint; ready: boolean | undefined }[] = [];
  for (const endpoint of endpoints) {
    const told = readiness.get(endpoint.spec.mesos?.task ?? '');
    if (told === undefined) continue;
    const ready = told === 'unknown' ? (endpoint.spec.ready ?? false) : told === 'unchecked' ? undefined : told === 'ready';
    if (ready !== endpoint.spec.ready) stale.push({ endpoint, ready });
  }
  return stale;
}

/** An endpoint that is another one by now, gone, or cannot be read any more, is left alone: the next look sees it. Throws StoreError. */
export async function putReadiness(objects: ObjectStore, { endpoint, ready }: ReturnType<typeof staleReadiness>[0]): Promise<void> {
  const { name, namespace } = endpoint.metadata;
  const known = await objects.get('Endpoint', name, namespace).catch((error: unknown) => {
    if (!isUnreadable(error)) throw error;
    return undefined;
  });
  if (known === undefined || known.object.spec.mesos?.task !== endpoint.spec.mesos?.task) return;
  const { ready: _, ...spec } = known.object.spec;
  try {
    await objects.put({ ...known.object, spec: { ...spec, ...(ready !== undefined && { ready }) } }, { revision: known.revision });
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'ECONFLICT') throw error;
  }
}
