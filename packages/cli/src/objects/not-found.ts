/** An object that is not there, and what may have been meant. */
import { type AnyObject, isContainer, kindInfo, nearest, type ObjectId } from '@weir/resources';
import { CliError } from '../cli-error.ts';
import { referenceText } from './references.ts';
import type { Stores } from './stores.ts';

/** `policy/web was not found in namespace shop`. */
export function notFound({ kind, name, namespace }: ObjectId, details: string[] = []): CliError {
  const place = kindInfo(kind).namespaced ? ` in namespace ${namespace}` : '';
  return new CliError('ENOTFOUND', `${referenceText(kind, name)} was not found${place}`, { details });
}

/** As `notFound`, told where there is one of that name, and that an endpoint is not called as its container. */
export async function notFoundBut({ objects }: Pick<Stores, 'objects'>, id: ObjectId): Promise<CliError> {
  const { kind, name, namespace } = id;
  const all = (await objects.list(kind)).objects.map(({ object }) => object as AnyObject);
  const same = all.filter((object) => object.metadata.name === name || (object.kind === 'Endpoint' && isContainer(object.spec, name)));
  const elsewhere = same.map(({ metadata }) => {
    const reference = referenceText(kind, metadata.name);
    return metadata.namespace === namespace
      ? `it is ${reference}`
      : `${reference} is in namespace ${metadata.namespace}: say -n ${metadata.namespace}`;
  });
  if (elsewhere.length > 0) return notFound(id, elsewhere);
  const names = all.filter(({ metadata }) => metadata.namespace === namespace).map(({ metadata }) => metadata.name);
  // A narrow terminal shows the begin of an endpoint's name alone.
  const begun = names.filter((one) => one.startsWith(name));
  const near = begun.length === 1 ? begun[0] : nearest(name, names);
  return notFound(id, near === undefined ? [] : [`did you mean ${referenceText(kind, near)}?`]);
}
