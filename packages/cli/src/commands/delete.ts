import { boolean } from '@oclif/core/flags';
import type { Kind, ObjectId } from '@weir/resources';
import { CliError } from '../cli-error.ts';
import { FileCommand, type FileFlagValues } from '../command-line/file-command.ts';
import { finishUnheard } from '../command-line/finish-unheard.ts';
import { fileFlags, intoNamespaceFlag } from '../command-line/store-flags.ts';

interface Target {
  /** For an error's text. */
  title: string;
  id: ObjectId;
}

/** Tiers go when the policies in them have gone, networks when the pools that name them have. */
const LAST: ReadonlySet<Kind> = new Set(['Tier', 'Network']);

export default class Delete extends FileCommand {
  static override summary = 'Delete objects, by kind and name or by the files that they came from.';
  static override usage = [
    'delete KIND NAME… [-n NAME] [--ignore-not-found] [STORE FLAGS]',
    'delete -f FILE|FOLDER|- [-R] [-n NAME] [--ignore-not-found] [STORE FLAGS]',
  ];
  static override description =
    'Of a file only kind, namespace and name of each object count. A pool goes only when none of its addresses is in use.';
  static override examples = [
    '<%= config.bin %> delete policy access-nginx -n policy-demo',
    '<%= config.bin %> delete policy/access-nginx pool/spare',
    '<%= config.bin %> delete -f access-nginx.yaml',
  ];
  static override strict = false;
  static override flags = {
    ...fileFlags,
    ...intoNamespaceFlag,
    'ignore-not-found': boolean({ summary: 'What is gone already is no error.' }),
  };

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(Delete);
    const [{ attemptAll }, { notFoundBut }, { warnOfOwner }, { deleteObject }, { referenceText }] = await Promise.all([
      import('../objects/attempt-all.ts'),
      import('../objects/not-found.ts'),
      import('../objects/owner-warning.ts'),
      import('../objects/write-object.ts'),
      import('../objects/references.ts'),
    ]);
    finishUnheard();
    const targets = await this.targets(argv as string[], flags);
    await this.withObjects(flags, (stores) =>
      attemptAll(
        targets,
        ({ title }) => title,
        async ({ id }) => {
          await warnOfOwner(stores, id);
          try {
            await deleteObject(stores, id);
          } catch (error) {
            if (!(error instanceof CliError && error.code === 'ENOTFOUND')) throw error;
            if (flags['ignore-not-found']) return;
            throw await notFoundBut(stores, id);
          }
          this.log(`${referenceText(id.kind, id.name)} deleted`);
        },
      ),
    );
  }

  private async targets(words: string[], flags: FileFlagValues): Promise<Target[]> {
    if (words.length === 0) {
      const { originText } = await import('../objects/documents.ts');
      const documents = await this.readFiles('delete', flags);
      const targets = documents.map(({ object: { kind, metadata }, origin }) => ({ title: originText(origin), id: { kind, ...metadata } }));
      const isLast = ({ id }: Target) => LAST.has(id.kind);
      return [...targets.filter((target) => !isLast(target)), ...targets.filter(isLast)];
    }
    if (flags.filename !== undefined) throw new CliError('EUSAGE', 'give either -f or kinds and names, not both');
    const { parseReferences, referenceText } = await import('../objects/references.ts');
    return parseReferences(words).map(({ kind: { kind, namespaced }, name }) => {
      if (name === undefined) throw new CliError('EUSAGE', `name what to delete: weir delete ${kind.toLowerCase()} NAME`);
      const id = { kind, name, ...(namespaced && { namespace: flags.namespace ?? 'default' }) };
      return { title: referenceText(kind, name), id };
    });
  }
}
