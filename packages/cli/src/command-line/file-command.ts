import { CliError } from '../cli-error.ts';
import type { WriteVerb } from '../objects/write-object.ts';
import { ChangingCommand, type DryRunFlagValues } from './changing-command.ts';
import type { FlagValues } from './store-command.ts';

export interface FileFlagValues extends FlagValues {
  filename?: string[] | undefined;
  recursive: boolean;
  namespace?: string | undefined;
}

/** A command that takes objects from files. */
export abstract class FileCommand extends ChangingCommand {
  /** Checks everything, then writes object by object and says of each what became of it. */
  protected async writeFiles(verb: WriteVerb, flags: FileFlagValues & DryRunFlagValues): Promise<void> {
    const { checkDocuments, writeDocuments } = await import('../objects/write-documents.ts');
    const documents = await this.readFiles(verb, flags);
    await checkDocuments(documents, verb);
    await this.change(flags, (stores, report) => writeDocuments(stores, documents, verb, report), { make: verb !== 'replace' });
  }

  /** The objects of `-f`, all valid. */
  protected async readFiles(verb: string, { filename, recursive, namespace }: FileFlagValues) {
    if (filename === undefined || filename.length === 0) {
      throw new CliError('EUSAGE', `nothing to ${verb}: give -f with a file, a folder, or - for standard input`);
    }
    const { readDocuments } = await import('../objects/documents.ts');
    return readDocuments(filename, { recursive, namespace });
  }
}
