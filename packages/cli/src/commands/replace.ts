import { FileCommand } from '../command-line/file-command.ts';
import { fileFlags, intoNamespaceFlag } from '../command-line/store-flags.ts';

export default class Replace extends FileCommand {
  static override summary = 'Change objects that exist to what files say; one that is missing is an error.';
  static override usage = 'replace -f FILE|FOLDER|- [-R] [-n NAME] [STORE FLAGS]';
  static override examples = ['<%= config.bin %> replace -f access-nginx.yaml'];
  static override flags = { ...fileFlags, ...intoNamespaceFlag };

  async run(): Promise<void> {
    const { flags } = await this.parse(Replace);
    await this.writeFiles('replace', flags);
  }
}
