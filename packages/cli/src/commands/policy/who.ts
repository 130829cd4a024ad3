import { boolean, string } from '@oclif/core/flags';
import { outputFlag } from '../../command-line/output-flag.ts';
import { StoreCommand } from '../../command-line/store-command.ts';

export default class PolicyWho extends StoreCommand {
  static override summary = 'Show who may talk to whom: which apps, on which protocols and ports.';
  static override usage = 'policy who [--from END] [--to END] [-n NAME] [--by LABEL,…] [--all] [-o table|json] [STORE FLAGS]';
  static override description =
    `Endpoints of one namespace with the same labels are one line. outside stands for everybody whom no pool and no network set has.
Pairs that may send each other nothing are left out, unless --all says otherwise. END is as for weir trace, which says why for one pair.`;
  static override examples = [
    '<%= config.bin %> policy who --to run=db',
    '<%= config.bin %> policy who --from outside',
    '<%= config.bin %> policy who --to /shop/db',
    '<%= config.bin %> policy who -n shop --by app -o json',
  ];
  static override flags = {
    from: string({ summary: 'Only what these send.', helpValue: 'END' }),
    to: string({ summary: 'Only what is for these.', helpValue: 'END' }),
    namespace: string({ char: 'n', summary: 'Only endpoints of this namespace.', helpValue: 'NAME' }),
    by: string({
      summary: 'Labels that make a group. Default: all but those that Weir itself gives, weir/app and the like.',
      helpValue: 'LABEL,…',
    }),
    all: boolean({ summary: 'Also pairs that may send nothing.' }),
    output: outputFlag(['table', 'json']),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(PolicyWho);
    const [{ readPolicyState }, { FlowJudge }, { formatWho, reachRows }] = await Promise.all([
      import('../../why/policy-state.ts'),
      import('../../why/flow-judge.ts'),
      import('../../why/reach-table.ts'),
    ]);
    const state = await this.withObjects(flags, readPolicyState);
    const rows = reachRows([new FlowJudge(state)], state, { ...flags, by: flags.by?.split(',') }).filter(
      ({ traffic }) => flags.all || traffic[0] !== 'nothing',
    );
    if (flags.output === 'json')
      return this.log(
        JSON.stringify(
          rows.map(({ traffic, ...row }) => ({ ...row, maySend: traffic[0] })),
          null,
          2,
        ),
      );
    if (rows.length === 0) return this.logToStderr('nobody may send anything');
    const { terminalWidth } = await import('../../output/table.ts');
    process.stdout.write(formatWho(rows, terminalWidth()));
  }
}
