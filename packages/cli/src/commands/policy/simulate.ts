import { boolean, string } from '@oclif/core/flags';
import { FileCommand } from '../../command-line/file-command.ts';
import { outputFlag } from '../../command-line/output-flag.ts';
import { fileFlags, intoNamespaceFlag } from '../../command-line/store-flags.ts';
import { EXIT } from '../../exit-status.ts';
import type { changedFlows } from '../../why/changed-flows.ts';
import type { changedRows } from '../../why/reach-table.ts';
import type { recordedFlows } from '../../why/recorded-flows.ts';

interface Simulated {
  rows: ReturnType<typeof changedRows>;
  /** Both absent where the agents were not asked. */
  flows: ReturnType<typeof changedFlows> | undefined;
  recorded: Awaited<ReturnType<typeof recordedFlows>> | undefined;
}

export default class PolicySimulate extends FileCommand {
  static override summary = 'Show what a change of policy would let through or cut, without making it.';
  static override usage =
    'policy simulate -f FILE|FOLDER|- [-R] [-n NAME] [--delete] [--by LABEL,…] [--no-flows] [--exit-code] [-o table|json] [STORE FLAGS]';
  static override description =
    `Compares what may be sent now and after \`weir apply -f\`, or with --delete after \`weir delete -f\`: for all pairs of endpoints and for
outside, and for the flows that the hosts recorded in the last hour. How far each host remembers is said on standard error.`;
  static override examples = [
    '<%= config.bin %> policy simulate -f new.yaml',
    '<%= config.bin %> policy simulate --delete -f access-nginx.yaml -o json',
  ];
  static override flags = {
    ...fileFlags,
    ...intoNamespaceFlag,
    delete: boolean({ summary: 'The objects of the files are deleted, not applied.' }),
    by: string({
      summary: 'Labels that make a group. Default: all but those that Weir itself gives, weir/app and the like.',
      helpValue: 'LABEL,…',
    }),
    flows: boolean({
      allowNo: true,
      default: true,
      summary: 'Ask the agents for the flows that they recorded. The question is written to the store.',
    }),
    'exit-code': boolean({ summary: 'Exit status 4 where something would be let through or cut.' }),
    output: outputFlag(['table', 'json']),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(PolicySimulate);
    const [{ readPolicyState }, { FlowJudge }, { changedState, rehearse }, { changedRows }, { recordedFlows }, { changedFlows }] =
      await Promise.all([
        import('../../why/policy-state.ts'),
        import('../../why/flow-judge.ts'),
        import('../../why/simulate.ts'),
        import('../../why/reach-table.ts'),
        import('../../why/recorded-flows.ts'),
        import('../../why/changed-flows.ts'),
      ]);
    const documents = await this.readFiles('simulate', flags);
    const { state, written, recorded } = await this.withObjects(flags, async (stores) => ({
      written: await rehearse(stores, documents, flags.delete ? 'delete' : 'apply'),
      state: await readPolicyState(stores),
      recorded: flags.flows ? await recordedFlows(stores.store, Date.now()) : undefined,
    }));
    const [before, after] = [new FlowJudge(state), new FlowJudge(changedState(state, written))];
    const rows = changedRows(before, after, state, { by: flags.by?.split(',') });
    const flows = recorded && changedFlows(recorded.records, before, after);
    await this.print(flags.output, { rows, flows, recorded });
    if (flags['exit-code'] && rows.length + (flows?.changed.length ?? 0) > 0) this.exit(EXIT.wouldChange);
  }

  private async print(form: 'table' | 'json', { rows, flows, recorded }: Simulated): Promise<void> {
    if (form === 'json') {
      const pairs = rows.map(({ traffic: [now, then], ...row }) => ({ ...row, before: now, after: then }));
      const { records: _, ...extent } = recorded ?? { records: [] };
      return this.log(JSON.stringify({ pairs, ...(flows && { flows: { ...extent, ...flows } }) }, null, 2));
    }
    const [{ formatChanges }, { recordedText }, { terminalWidth }] = await Promise.all([
      import('../../why/reach-table.ts'),
      import('../../why/recorded-flows.ts'),
      import('../../output/table.ts'),
    ]);
    const width = terminalWidth();
    if (rows.length === 0) this.logToStderr('no pair of endpoints would be allowed other traffic than now');
    else process.stdout.write(formatChanges(rows, width));
    if (recorded === undefined || flows === undefined) return;
    for (const line of recordedText(recorded, flows)) this.logToStderr(line);
    if (flows.changed.length === 0) return;
    const { formatChangedFlows } = await import('../../why/changed-flow-table.ts');
    process.stdout.write(`${rows.length === 0 ? '' : '\n'}${formatChangedFlows(flows.changed, width)}`);
  }
}
