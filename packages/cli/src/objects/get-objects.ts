import type { AnyObject, GlobalPolicy, KindInfo, Namespace, Policy, Tier } from '@weir/resources';
import { CliError } from '../cli-error.ts';
import { presentAgents } from '../node/presence.ts';
import { type ColumnOptions, isPolicy } from '../output/columns.ts';
import { checkHasCounterpart, formatKubernetes } from '../output/kubernetes-output.ts';
import { formatObjects, type ObjectForm } from '../output/object-output.ts';
import { type InvalidRow, invalidRow } from '../output/policy-status.ts';
import { withBuiltIn } from './built-in-tiers.ts';
import { findObject } from './find-object.ts';
import { withImplied } from './implied-namespaces.ts';
import { listObjects, listStored } from './list-objects.ts';
import { notFoundBut } from './not-found.ts';
import { parseReferences, type Reference } from './references.ts';
import type { Stores } from './stores.ts';
import { readTiers } from './tier-admission.ts';
import { readUnreadable } from './unreadable-for.ts';

/** `kubernetes`: NetworkPolicies, where they can say the same. */
type GetForm = ObjectForm | 'kubernetes';

export interface GetOptions {
  form: GetForm;
  /** Absent: all namespaces. */
  namespace: string | undefined;
  selector: string | undefined;
  width: number;
}

/**
 * The objects that the words of `weir get` name, as text on stdout; a word on stderr when there are none.
 * @throws CliError ENOTFOUND for a name that is not there, EREFUSED for a policy that Kubernetes cannot have, after the others have been printed
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
  if (options.form === 'kubernetes') checkHasCounterpart(references.map(({ kind }) => kind));
  const found: AnyObject[] = [];
  const invalid: InvalidRow[] = [];
  const missing: CliError[] = [];
  for (const reference of references) {
    const objects = await resolve(stores, reference, options, invalid);
    if (objects instanceof CliError) missing.push(objects);
    else found.push(...objects);
  }
  const asked = { ...options, namespaces: options.namespace === undefined, single: references.length === 1 && named.length === 1 };
  const policed = options.form === 'wide' && references.some(({ kind }) => isPolicy(kind.kind)) ? await readPoliced(stores) : undefined;
  const isTable = !isMachineReadable(options.form) && references.some(({ kind }) => kind.kind === 'Service');
  const backends = isTable
    ? { endpoints: await listObjects(stores, 'Endpoint', {}), namespaces: await listObjects(stores, 'Namespace', {}) }
    : undefined;
  const agents =
    !isMachineReadable(options.form) && references.some(({ kind }) => kind.kind === 'RemoteCluster')
      ? await presentAgents(stores.store)
      : undefined;
  const refusals: CliError[] = [];
  const isSomething = found.length + invalid.length > 0;
  if (isSomething || isMachineReadable(options.form)) {
    if (isSomething || missing.length === 0) {
      const output = await format(found, invalid, { ...asked, policed, backends, agents });
      print(output.text);
      refusals.push(...output.refusals);
    }
  } else if (missing.length === 0) {
    process.stderr.write(
      `${nothingThere(
        references.map(({ kind }) => kind),
        options,
      )}\n`,
    );
  }
  const failures = [...missing, ...refusals];
  if (failures.length === 1) throw failures[0]!;
  if (failures.length === 0) return;
  const details = failures.flatMap((error) => [error.message, ...error.details.map((detail) => `  ${detail}`)]);
  if (refusals.length > 0) throw new CliError('EFAILED', 'some cannot be printed:', { details });
  throw new CliError('ENOTFOUND', 'some were not found:', { details });
}

/** What a wide table of policies tells of them. */
export async function readPoliced(stores: Stores): Promise<ColumnOptions['policed']> {
  const [tiers, unreadableFor, endpoints, hostEndpoints, namespaces] = await Promise.all([
    readTiers(stores),
    readUnreadable(stores),
    listObjects(stores, 'Endpoint', {}),
    listObjects(stores, 'HostEndpoint', {}),
    listObjects(stores, 'Namespace', {}),
  ]);
  return { tiers, unreadableFor, endpoints, hostEndpoints, namespaces };
}

/** `refusals`: of objects that have no such form. */
async function format(
  objects: readonly AnyObject[],
  invalid: readonly InvalidRow[],
  asked: {
    form: GetForm;
    namespaces: boolean;
    single: boolean;
    width: number;
    policed: ColumnOptions['policed'];
    backends: ColumnOptions['backends'];
    agents: ColumnOptions['agents'];
  },
): Promise<{ text: string; refusals: CliError[] }> {
  const { form } = asked;
  if (form === 'kubernetes') return formatKubernetes(objects as (Policy | GlobalPolicy)[], asked.single);
  return { text: await formatObjects(objects, { ...asked, form }, invalid), refusals: [] };
}

function checkNamed({ namespace, selector }: GetOptions): void {
  if (selector !== undefined) throw new CliError('EUSAGE', 'give either names or a selector, not both');
  if (namespace === undefined) throw new CliError('EUSAGE', 'a name is one of a namespace: give -n instead of -A');
}

/** @param invalid takes what cannot be read, where it has a place in the output */
async function resolve(
  stores: Stores,
  { kind, name }: Reference,
  options: GetOptions,
  invalid: InvalidRow[],
): Promise<AnyObject[] | CliError> {
  if (name === undefined && options.form === 'wide' && isPolicy(kind.kind)) {
    const listed = await listStored(stores, kind.kind, options);
    invalid.push(...listed.invalid.flatMap((object) => invalidRow(object) ?? []));
    return listed.objects as AnyObject[];
  }
  if (name === undefined) {
    const listed = (await listObjects(stores, kind.kind, options)) as AnyObject[];
    if (options.selector !== undefined || isMachineReadable(options.form)) return listed;
    if (kind.kind === 'Namespace') return withImplied(stores, listed as Namespace[]);
    return kind.kind === 'Tier' ? withBuiltIn(listed as Tier[]) : listed;
  }
  const namespace = kind.namespaced ? options.namespace : undefined;
  const id = { kind: kind.kind, name, ...(namespace !== undefined && { namespace }) };
  const found = await findObject(stores, id);
  return found === undefined ? await notFoundBut(stores, id) : [found];
}

/** Such output is read by programs, for which an empty list is an answer. */
function isMachineReadable(form: GetForm): boolean {
  return form !== 'table' && form !== 'wide';
}

function nothingThere(kinds: readonly KindInfo[], { namespace, selector }: GetOptions): string {
  const place = namespace !== undefined && kinds.some(({ namespaced }) => namespaced) ? ` in namespace ${namespace}` : '';
  const others = place === '' ? '' : '; -A shows those of all';
  return `no ${kinds.map(({ plural }) => plural).join(' or ')}${selector === undefined ? '' : ' that match'}${place}${others}`;
}
