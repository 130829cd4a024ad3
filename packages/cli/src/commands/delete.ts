import { boolean } from '@oclif/core/flags';
import { CliError } from '../cli-error.ts';
import { FileCommand, type FileFlagValues } from '../command-line/file-command.ts';
import { dryRunFlags, fileFlags, intoNamespaceFlag } from '../command-line/store-flags.ts';
import type { Target } from '../objects/write-documents.ts';

export default class Delete extends FileCommand {
  static override summary = 'Delete objects, by kind and name or by the files that they came from.';
  static override usage = [
    'delete KIND NAME… [-n NAME] [--ignore-not-found] [--dry-run [--exit-code]] [STORE FLAGS]',
    'delete -f FILE|FOLDER|- [-R] [-n NAME] [--ignore-not-found] [--dry-run [--exit-code]] [STORE FLAGS]',
  ];
  static override description =
    'Of a file only kind, namespace and name of each object count. A pool goes only when none of its addresses is in use.';
  static override examples = [
    '<%= config.bin %> delete policy access-nginx -n policy-demo',
    '<%= config.bin %> delete policy/access-nginx pool/spare',
    '<%= config.bin %> delete -f access-nginx.yaml --dry-run',
  ];
  static override strict = false;
  static override flags = {
    ...fileFlags,
    ...intoNamespaceFlag,
    ...dryRunFlags,
    'ignore-not-found': boolean({ summary: 'What is gone already is no error.' }),
  };

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(Delete);
    const { deleteTargets } = await import('../objects/write-documents.ts');
    const targets = await this.targets(argv as string[], flags);
    const ignoreNotFound = flags['ignore-not-found'];
    await this.change(flags, (stores, report) => deleteTargets(stores, targets, { ignoreNotFound }, report));
  }

  private async targets(words: string[], flags: FileFlagValues): Promise<Target[]> {
    if (words.length === 0) {
      const { targetOf } = await import('../objects/write-documents.ts');
      return (await this.readFiles('delete', flags)).map(targetOf);
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
