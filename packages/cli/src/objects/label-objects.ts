import { type AnyObject, type ObjectId, parseObject } from '@weir/resources';
import { CliError } from '../cli-error.ts';
import { attemptAll } from './attempt-all.ts';
import { impliedNamespace } from './implied-namespaces.ts';
import { changeLabels, type LabelChanges, parseLabelChanges } from './label-changes.ts';
import { listObjects } from './list-objects.ts';
import { notFoundBut } from './not-found.ts';
import { parseReferences, type Reference, referenceText } from './references.ts';
import type { Stores } from './stores.ts';
import type { Report } from './write-documents.ts';
import { put, retryConflicts } from './write-object.ts';

export interface LabelRequest {
  references: Reference[];
  changes: LabelChanges;
  namespace: string;
  selector?: string | undefined;
  overwrite: boolean;
}

/**
 * Splits the words of `weir label`: what has `=` or ends in `-` is a change, what comes before it names objects.
 * @throws CliError EUSAGE
 */
export function readLabelWords(
  words: readonly string[],
  { namespace, selector, overwrite }: { namespace: string; selector?: string | undefined; overwrite: boolean },
): LabelRequest {
  const isChange = (word: string) => /=|[^/]-$/.test(word);
  const first = words.findIndex((word, index) => index > 0 && isChange(word));
  const changes = parseLabelChanges(first < 0 ? [] : words.slice(first));
  const references = parseReferences(words.slice(0, first));
  if (references.some(({ name }) => (name === undefined) === (selector === undefined))) {
    throw new CliError('EUSAGE', 'say which objects: either by name or with -l');
  }
  return { references, changes, namespace, selector, overwrite };
}

/**
 * Changes labels, of each object by one compare-and-swap.
 * @throws CliError ENOTFOUND, EREFUSED; ValidationError for a label that may not be; StoreError
 */
export async function labelObjects(stores: Stores, request: LabelRequest, report: Report): Promise<void> {
  const ids = await idsOf(stores, request);
  if (ids.length === 0) throw new CliError('ENOTFOUND', 'nothing matches the selector');
  await attemptAll(
    ids,
    ({ kind, name }) => referenceText(kind, name),
    async (id) => {
      const changed = await retryConflicts({ kind: id.kind, metadata: id }, () => labelOne(stores, id, request));
      await report(id, changed ? 'labeled' : 'unchanged');
    },
  );
}

async function idsOf(stores: Stores, { references, namespace, selector }: LabelRequest): Promise<ObjectId[]> {
  const ids = await Promise.all(
    references.map(async ({ kind: { kind, namespaced }, name }): Promise<ObjectId[]> => {
      const place = namespaced ? { namespace } : {};
      if (name !== undefined) return [{ kind, name, ...place }];
      const objects = await listObjects(stores, kind, { ...place, selector });
      return objects.map(({ metadata }) => ({ kind, name: metadata.name, ...place }));
    }),
  );
  return ids.flat();
}

async function labelOne(stores: Stores, id: ObjectId, { changes, overwrite }: LabelRequest): Promise<boolean> {
  const stored = await stores.objects.get(id.kind, id.name, id.namespace);
  const object = stored?.object ?? (id.kind === 'Namespace' ? impliedNamespace(id.name) : undefined);
  if (object === undefined) throw await notFoundBut(stores, id);
  const { metadata } = object;
  const labels = changeLabels(metadata.labels, changes, { overwrite });
  const changed = parseObject({ ...object, metadata: { ...metadata, labels } }) as AnyObject;
  if (JSON.stringify(changed.metadata.labels) === JSON.stringify(metadata.labels)) return false;
  await put(stores, changed, stored?.revision ?? 0);
  return true;
}
