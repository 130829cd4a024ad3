import { boolean } from '@oclif/core/flags';
import { ChangingCommand } from '../command-line/changing-command.ts';
import { dryRunFlags, namespaceFlag, selectorFlag } from '../command-line/store-flags.ts';

export default class Label extends ChangingCommand {
  static override summary = 'Set labels of an object, or take them away.';
  static override usage = 'label KIND NAME|-l SELECTOR KEY=VALUE|KEY-… [--overwrite] [-n NAME] [--dry-run [--exit-code]] [STORE FLAGS]';
  static override description = `All changes of an object happen in one step: policy never sees half of them.
A label of an endpoint that is changed here lasts as long as its container. A namespace that has no object yet gets one.`;
  static override examples = [
    '<%= config.bin %> label endpoint 0a1b2c-eth0 run- -n shop',
    '<%= config.bin %> label endpoints -l run=access run=other --overwrite -n policy-demo',
    '<%= config.bin %> label namespace shop team=web',
  ];
  static override strict = false;
  static override flags = {
    ...namespaceFlag,
    ...selectorFlag,
    ...dryRunFlags,
    overwrite: boolean({ summary: 'Change labels that have another value already.' }),
  };

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(Label);
    const { labelObjects, readLabelWords } = await import('../objects/label-objects.ts');
    const request = readLabelWords(argv as string[], flags);
    await this.change(flags, (stores, report) => labelObjects(stores, request, report));
  }
}
