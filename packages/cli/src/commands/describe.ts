import { outputFlag } from '../command-line/output-flag.ts';
import { StoreCommand } from '../command-line/store-command.ts';
import { namespaceFlag } from '../command-line/store-flags.ts';

export default class Describe extends StoreCommand {
  static override summary = 'Show an object in full, and what it has to do with others.';
  static override usage = 'describe KIND NAME… [-n NAME] [-o text|json] [STORE FLAGS]';
  static override description =
    'For a policy: its rules in words and the endpoints that it selects. For an endpoint: the policies that select it. For a pool: its use. With -o json "object" is as weir get -o json prints it, and "related" is what the object has to do with others.';
  static override examples = [
    '<%= config.bin %> describe policy access-nginx -n policy-demo',
    '<%= config.bin %> describe host h1',
    "<%= config.bin %> describe policy access-nginx -n policy-demo -o json | jq '.related.selects[].name'",
  ];
  static override strict = false;
  static override flags = { ...namespaceFlag, output: outputFlag(['text', 'json']) };

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(Describe);
    const { describeObjects } = await import('../describe/describe-objects.ts');
    process.stdout.write(
      await this.withObjects(flags, (stores) =>
        describeObjects(stores, argv as string[], { namespace: flags.namespace, form: flags.output }),
      ),
    );
  }
}
