import type { Kind } from '@weir/resources';
import { CliError } from '../cli-error.ts';
import type { Document } from '../objects/documents.ts';
import type { WriteVerb } from '../objects/write-object.ts';
import { finishUnheard } from './finish-unheard.ts';
import { type FlagValues, StoreCommand } from './store-command.ts';

export interface FileFlagValues extends FlagValues {
  filename?: string[] | undefined;
  recursive: boolean;
  namespace?: string | undefined;
}

/** A command that takes objects from files. */
export abstract class FileCommand extends StoreCommand {
  /** Checks everything, then writes object by object and says of each what became of it. */
  protected async writeFiles(verb: WriteVerb, flags: FileFlagValues): Promise<void> {
    const [{ attemptAll }, { originText }, { checkWritable, writeObject }, { tierCheck }, { referenceText }, { warnOfOwner }] =
      await Promise.all([
        import('../objects/attempt-all.ts'),
        import('../objects/documents.ts'),
        import('../objects/write-object.ts'),
        import('../objects/tier-admission.ts'),
        import('../objects/references.ts'),
        import('../objects/owner-warning.ts'),
      ]);
    finishUnheard();
    const documents = await this.readFiles(verb, flags);
    const title = ({ origin }: Document) => originText(origin);
    await attemptAll(documents, title, async ({ object }) => checkWritable(object, verb));
    await this.withObjects(
      flags,
      async (stores) => {
        const objects = documents.map(({ object }) => object);
        const check = await tierCheck(stores, objects);
        await attemptAll(documents, title, async ({ object }) => check(object));
        await attemptAll(neededFirst(documents), title, async ({ object }) => {
          await warnOfOwner(stores, { kind: object.kind, ...object.metadata });
          const outcome = await writeObject(stores, object, verb);
          this.log(`${referenceText(object.kind, object.metadata.name)} ${outcome}`);
        });
      },
      { make: verb !== 'replace' },
    );
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

/** By policies, and by pools that name one: `weir delete` takes them last. */
const NEEDED: ReadonlySet<Kind> = new Set(['Tier', 'Network']);

/** In the order of the files, but for what others need to be there. */
function neededFirst(documents: readonly Document[]): Document[] {
  const isNeeded = ({ object }: Document) => NEEDED.has(object.kind);
  return [...documents.filter(isNeeded), ...documents.filter((document) => !isNeeded(document))];
}
