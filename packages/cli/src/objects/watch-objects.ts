import { type AnyObject, keyOf, keyPrefix, matches, type ObjectId } from '@weir/resources';
import { CliError } from '../cli-error.ts';
import { columnsOf, isPolicy } from '../output/columns.ts';
import { type ObjectForm, plain } from '../output/object-output.ts';
import { type Column, GrowingTable } from '../output/table.ts';
import type { GetOptions } from './get-objects.ts';
import { readPoliced } from './get-objects.ts';
import { parseLabelSelector } from './label-selector.ts';
import { unreadableText } from './list-objects.ts';
import { parseReferences, type Reference, referenceText } from './references.ts';
import type { Stores } from './stores.ts';

/** As a watcher of the wanted objects sees it: one that no longer matches the selector is gone for them. */
interface Sighting {
  event: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** As it was last seen, when it is gone. */
  object: AnyObject;
}

export interface WatchOptions extends GetOptions {
  form: ObjectForm;
  signal: AbortSignal;
}

/**
 * Prints the objects that the words name, then each as it changes, until `signal` is aborted. What happened to each stands in front.
 * @throws StoreError EUNAVAILABLE when the store is gone from the beginning; later outages are told on stderr and waited out
 */
export async function watchObjects(
  stores: Stores,
  words: readonly string[],
  { signal, ...options }: WatchOptions,
  print: (text: string) => void,
): Promise<void> {
  const references = parseReferences(words);
  const kinds = new Set(references.map(({ kind }) => kind.kind));
  if (kinds.size > 1) throw new CliError('EUSAGE', `watch one kind at a time, not ${[...kinds].join(' and ')}`);
  const kind = references[0]!.kind;
  const wanted = filterOf(references, options);
  const wide = options.form === 'wide';
  const policed = wide && isPolicy(kind.kind) ? await readPoliced(stores) : undefined;
  const columns = columnsOf(kind.kind, { wide, policed, namespaces: options.namespace === undefined && kind.namespaced });
  const format = await formatter(options.form, columns, wide ? Number.POSITIVE_INFINITY : options.width);

  const seen = new Map<string, AnyObject>();
  let first: Sighting[] | undefined = [];
  for await (const event of stores.objects.snapshotAndWatch([kind.kind], { signal })) {
    switch (event.type) {
      case 'put':
      case 'remove': {
        const sighting = look(seen, event.type === 'put' ? event.object : undefined, keyOfEvent(event), wanted);
        if (sighting === undefined) break;
        // The first ones wait for each other, so that their columns are as wide as all of them need.
        if (first !== undefined) first.push(sighting);
        else print(format([sighting]));
        break;
      }
      case 'synced':
        if (first !== undefined) print(format(first));
        first = undefined;
        break;
      case 'invalid':
        process.stderr.write(unreadableText(event.error));
        break;
      case 'restored':
        process.stderr.write('warning: the store was restored from a backup; what it has follows\n');
        break;
      case 'disconnected':
        if (first !== undefined) throw event.error;
        process.stderr.write(`warning: ${event.error.message}; waiting for the store\n`);
        break;
      case 'connected':
        process.stderr.write('the store is back\n');
        break;
    }
  }
}

function keyOfEvent(event: { type: 'put'; object: AnyObject } | ({ type: 'remove' } & ObjectId)): string {
  return event.type === 'put' ? keyOf(event.object) : `${keyPrefix(event.kind, event.namespace)}${event.name}`;
}

function filterOf(references: readonly Reference[], { namespace, selector }: GetOptions): (object: AnyObject) => boolean {
  const parsed = parseLabelSelector(selector ?? '');
  const names = new Set(references.flatMap(({ name }) => (name === undefined ? [] : [name])));
  return ({ metadata }) =>
    (namespace === undefined || metadata.namespace === undefined || metadata.namespace === namespace) &&
    (names.size === 0 || names.has(metadata.name)) &&
    matches(parsed, metadata.labels);
}

/** What a change means to the watcher; keeps `seen` up to date. */
function look(
  seen: Map<string, AnyObject>,
  object: AnyObject | undefined,
  key: string,
  wanted: (object: AnyObject) => boolean,
): Sighting | undefined {
  const before = seen.get(key);
  if (object !== undefined && wanted(object)) {
    seen.set(key, object);
    return { event: before === undefined ? 'ADDED' : 'MODIFIED', object };
  }
  seen.delete(key);
  return before && { event: 'DELETED', object: before };
}

async function formatter(
  form: ObjectForm,
  columns: readonly Column<AnyObject>[],
  width: number,
): Promise<(sightings: readonly Sighting[]) => string> {
  const each = (text: (sighting: Sighting) => string) => (sightings: readonly Sighting[]) => sightings.map(text).join('');
  switch (form) {
    case 'json':
      return each(({ event, object }) => `${JSON.stringify({ type: event, object: plain(object) })}\n`);
    case 'yaml': {
      const { stringify } = await import('yaml');
      return each(({ event, object }) => `---\n# ${event}\n${stringify(plain(object), { lineWidth: 0 })}`);
    }
    case 'name':
      return each(({ event, object }) => `${event} ${referenceText(object.kind, object.metadata.name)}\n`);
    default: {
      const own = columns.map(({ value, ...column }): Column<Sighting> => ({ ...column, value: ({ object }) => value(object) }));
      const table = new GrowingTable<Sighting>([{ header: 'EVENT', value: ({ event }) => event.padEnd('MODIFIED'.length) }, ...own], width);
      return (sightings) => table.add(sightings);
    }
  }
}
