import { FileCommand } from '../command-line/file-command.ts';
import { dryRunFlags, fileFlags, intoNamespaceFlag } from '../command-line/store-flags.ts';

export default class Create extends FileCommand {
  static override summary = 'Make new objects from files; one that exists is an error.';
  static override usage = 'create -f FILE|FOLDER|- [-R] [-n NAME] [--dry-run [--exit-code]] [STORE FLAGS]';
  static override examples = ['<%= config.bin %> create -f pool.yaml', '<%= config.bin %> create -f policies/'];
  static override flags = { ...fileFlags, ...intoNamespaceFlag, ...dryRunFlags };

  async run(): Promise<void> {
    const { flags } = await this.parse(Create);
    await this.writeFiles('create', flags);
  }
}
