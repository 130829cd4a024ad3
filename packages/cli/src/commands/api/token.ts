import { Args, Command } from '@oclif/core';
import { boolean, string } from '@oclif/core/flags';

export default class ApiToken extends Command {
  static override summary = 'Make a token for the API, and print it.';
  static override usage = 'api token NAME --tokens FILE [--write] [--namespace NAME]…';
  static override description = `The file gets its hash, and the rights; the token itself is nowhere else than on stdout.
An API that is running knows it at once. To take it back, remove its entry from the file.`;
  static override examples = [
    '<%= config.bin %> api token marathon --tokens /etc/weir/tokens.yaml --write --namespace shop --namespace blue',
    '<%= config.bin %> api token dashboard --tokens /etc/weir/tokens.yaml',
  ];
  static override args = { name: Args.string({ description: 'Whose it is; the log says so.', required: true }) };
  static override flags = {
    tokens: string({ summary: 'File of tokens; made if it is not there.', required: true, helpValue: 'FILE' }),
    write: boolean({ summary: 'It may change objects. Default: read them.' }),
    namespace: string({
      char: 'n',
      summary: 'Only what is in this one; several may be given. Default: everything.',
      multiple: true,
      helpValue: 'NAME',
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ApiToken);
    const { addToken } = await import('../../api/add-token.ts');
    const rights = flags.write ? 'write' : 'read';
    this.log(addToken(flags.tokens, { name: args.name, rights, namespaces: flags.namespace }));
  }
}
