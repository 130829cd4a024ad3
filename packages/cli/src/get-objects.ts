import type { AnyObject, KindInfo } from '@weir/resources';
import { CliError } from './cli-error.ts';
import { listObjects } from './list-objects.ts';
import { formatObjects, type ObjectForm } from './object-output.ts';
import { parseReferences, type Reference } from './references.ts';
import { notFound, type Stores } from './write-object.ts';

export interface GetOptions {
  form: ObjectForm;
  /** Absent: all namespaces. */
  namespace: string | undefined;
  selector: string | undefined;
  width: number;
}

/**
 * The objects that the words of `weir get` name, as text on stdout; a word on stderr when there are none.
 * @throws CliError ENOTFOUND for a name that is not there, after the others have been printed
 */
export async function getObjects(
  stores: Stores,
  words: readonly string[],
  options: GetOptions,
  print: (text: string) => void,
): Promise<void> {
  const references = parseReferences(words);
  const named = references.filter(({ name }) => name !== undefined);
  if (named.length > 0) checkNamed(options);
  const found: AnyObject[] = [];
  const missing: CliError[] = [];
  for (const reference of references) {
    const objects = await resolve(stores, reference, options);
    if (objects instanceof CliError) missing.push(objects);
    else found.push(...objects);
  }
  const asked = { ...options, namespaces: options.namespace === undefined, single: references.length === 1 && named.length === 1 };
  if (found.length > 0 || isMachineReadable(options.form)) {
    if (missing.length === 0 || found.length > 0) print(await formatObjects(found, asked));
  } else if (missing.length === 0) {
    process.stderr.write(
      `${nothingThere(
        references.map(({ kind }) => kind),
        options,
      )}\n`,
    );
  }
  if (missing.length === 1) throw missing[0]!;
  if (missing.length > 1) throw new CliError('ENOTFOUND', 'some were not found:', { details: missing.map(({ message }) => message) });
}

function checkNamed({ namespace, selector }: GetOptions): void {
  if (selector !== undefined) throw new CliError('EUSAGE', 'give either names or a selector, not both');
  if (namespace === undefined) throw new CliError('EUSAGE', 'a name is one of a namespace: give -n instead of -A');
}

async function resolve(stores: Stores, { kind, name }: Reference, options: GetOptions): Promise<AnyObject[] | CliError> {
  if (name === undefined) return (await listObjects(stores, kind.kind, options)) as AnyObject[];
  const namespace = kind.namespaced ? options.namespace : undefined;
  const stored = await stores.objects.get(kind.kind, name, namespace);
  return stored === undefined
    ? notFound({ kind: kind.kind, name, ...(namespace !== undefined && { namespace }) })
    : [stored.object as AnyObject];
}

/** Such output is read by programs, for which an empty list is an answer. */
function isMachineReadable(form: ObjectForm): boolean {
  return form === 'json' || form === 'yaml' || form === 'name';
}

function nothingThere(kinds: readonly KindInfo[], { namespace, selector }: GetOptions): string {
  const place = namespace !== undefined && kinds.some(({ namespaced }) => namespaced) ? ` in namespace ${namespace}` : '';
  return `no ${kinds.map(({ plural }) => plural).join(' or ')}${selector === undefined ? '' : ' that match'}${place}`;
}
