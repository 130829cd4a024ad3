import { boolean, string } from '@oclif/core/flags';
import { FileCommand } from '../../file-command.ts';
import { outputFlag } from '../../output-flag.ts';
import { fileFlags, intoNamespaceFlag } from '../../store-flags.ts';

export default class PolicySimulate extends FileCommand {
  static override summary = 'Show what a change of policy would let through or cut, without making it.';
  static override usage = 'policy simulate -f FILE|FOLDER|- [-R] [-n NAME] [--delete] [--by LABEL,…] [-o table|json] [STORE FLAGS]';
  static override description =
    'Compares, for all pairs of endpoints and for outside, what may be sent now and after `weir apply -f`, or with --delete after `weir delete -f`.';
  static override examples = [
    '<%= config.bin %> policy simulate -f new.yaml',
    '<%= config.bin %> policy simulate --delete -f access-nginx.yaml -o json',
  ];
  static override flags = {
    ...fileFlags,
    ...intoNamespaceFlag,
    delete: boolean({ summary: 'The objects of the files are deleted, not applied.' }),
    by: string({ summary: 'Labels that make a group. Default: all.', helpValue: 'LABEL,…' }),
    output: outputFlag(['table', 'json']),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(PolicySimulate);
    const [{ calculatorOf, readPolicyState }, { changedState }, { changedRows, formatChanges }] = await Promise.all([
      import('../../why/policy-state.ts'),
      import('../../why/simulate.ts'),
      import('../../why/reach-table.ts'),
    ]);
    const documents = await this.readFiles('simulate', flags);
    const state = await this.withObjects(flags, readPolicyState);
    const after = changedState(
      state,
      documents.map(({ object }) => object),
      flags.delete ? 'delete' : 'apply',
    );
    const rows = changedRows(calculatorOf(state), calculatorOf(after), state, { by: flags.by?.split(',') });
    if (flags.output === 'json') {
      return this.log(
        JSON.stringify(
          rows.map(({ traffic: [before, now], ...row }) => ({ ...row, before, after: now })),
          null,
          2,
        ),
      );
    }
    if (rows.length === 0) return this.logToStderr('no pair of endpoints would be allowed other traffic than now');
    const { terminalWidth } = await import('../../table.ts');
    process.stdout.write(formatChanges(rows, terminalWidth()));
  }
}
