import { FileCommand } from '../command-line/file-command.ts';
import { dryRunFlags, fileFlags, intoNamespaceFlag } from '../command-line/store-flags.ts';

export default class Replace extends FileCommand {
  static override summary = 'Change objects that exist to what files say; one that is missing is an error.';
  static override usage = 'replace -f FILE|FOLDER|- [-R] [-n NAME] [--dry-run [--exit-code]] [STORE FLAGS]';
  static override examples = ['<%= config.bin %> replace -f access-nginx.yaml'];
  static override flags = { ...fileFlags, ...intoNamespaceFlag, ...dryRunFlags };

  async run(): Promise<void> {
    const { flags } = await this.parse(Replace);
    await this.writeFiles('replace', flags);
  }
}
