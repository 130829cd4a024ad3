import { type AnyObject, type Origin, parseDocuments, ValidationError } from '@weir/resources';
import { CliError } from '../cli-error.ts';
import { readManifestFiles } from './manifest-files.ts';

export interface Document {
  object: AnyObject;
  origin: Origin;
}

export interface DocumentOptions {
  recursive: boolean;
  /** `-n` as given. Objects without a namespace go there; one of another namespace is an error. */
  namespace?: string | undefined;
}

/**
 * Every object of the files, all of them valid.
 * @throws ValidationError with the faults of all files, CliError when there is no object at all
 */
export async function readDocuments(paths: readonly string[], { recursive, namespace }: DocumentOptions): Promise<Document[]> {
  const files = await readManifestFiles(paths, { recursive });
  const documents: Document[] = [];
  const faults: ValidationError[] = [];
  for (const { file, text } of files) {
    try {
      documents.push(...parseDocuments(text, file, namespace === undefined ? {} : { namespace }));
    } catch (error) {
      if (!(error instanceof ValidationError)) throw error;
      faults.push(error);
    }
  }
  if (faults.length > 0) throw ValidationError.join(faults);
  if (documents.length === 0) throw new CliError('ENOTFOUND', `no object in ${paths.join(', ')}`);
  return documents;
}

/** `policies.yaml, document 2`. */
export function originText({ file, document, item }: Origin): string {
  return [file, document && `document ${document}`, item !== undefined && `item ${item}`].filter(Boolean).join(', ');
}
