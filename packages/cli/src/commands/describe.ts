import { StoreCommand } from '../command-line/store-command.ts';
import { namespaceFlag } from '../command-line/store-flags.ts';

export default class Describe extends StoreCommand {
  static override summary = 'Show an object in full, and what it has to do with others.';
  static override usage = 'describe KIND NAME… [-n NAME] [STORE FLAGS]';
  static override description =
    'For a policy: its rules in words and the endpoints that it selects. For an endpoint: the policies that select it. For a pool: its use.';
  static override examples = ['<%= config.bin %> describe policy access-nginx -n policy-demo', '<%= config.bin %> describe host h1'];
  static override strict = false;
  static override flags = { ...namespaceFlag };

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(Describe);
    const { describeObjects } = await import('../describe/describe-objects.ts');
    process.stdout.write(await this.withObjects(flags, (stores) => describeObjects(stores, argv as string[], flags.namespace)));
  }
}
