import { boolean, integer, string } from '@oclif/core/flags';
import type { Store } from '@weir/datastore';
import { CliError } from '../../cli-error.ts';
import { outputFlag } from '../../command-line/output-flag.ts';
import { StoreCommand } from '../../command-line/store-command.ts';
import type { Report } from '../../ipam/ipam-check.ts';

export default class IpamCheck extends StoreCommand {
  static override summary = 'Find what is wrong with addresses: leaked, doubled, orphaned, foreign ones, stray blocks; and put it right.';
  static override usage = 'ipam check [--kernel [--host NAME]] [--repair [--yes]] [--grace SECONDS] [-o table|json] [STORE FLAGS]';
  static override description =
    `Blocks are held against endpoints, claims, hosts and pools, twice with two seconds between: what is under way is no fault.
Only what is certain is repaired, and only if it is still as it was found. Ends with 1 when a fault is left.`;
  static override examples = [
    '<%= config.bin %> ipam check',
    {
      description: "Also against this machine's interfaces, and put right what can be:",
      command: '<%= config.bin %> ipam check --kernel --repair',
    },
    '<%= config.bin %> ipam check -o json > report.json',
  ];
  static override flags = {
    kernel: boolean({ summary: "Look at this machine's interfaces and its containers', too. Needs root." }),
    host: string({ summary: 'What this machine is called in the cluster.', helpValue: 'NAME', dependsOn: ['kernel'] }),
    repair: boolean({ summary: 'Print what would put it right, ask, and do it.' }),
    yes: boolean({ summary: 'Do not ask.', dependsOn: ['repair'] }),
    grace: integer({
      summary: 'An address given so lately may be on its way to its container still.',
      default: 60,
      min: 0,
      helpValue: 'SECONDS',
    }),
    output: outputFlag(['table', 'json']),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(IpamCheck);
    const { checkAddresses, formatReport } = await import('../../ipam/ipam-check.ts');
    const isTable = flags.output === 'table';
    const left = await this.withStore(flags, async (store) => {
      const report = await checkAddresses(store, {
        graceSeconds: flags.grace,
        kernel: flags.kernel,
        host: flags.host,
        config: flags.config,
      });
      if (isTable) process.stdout.write(formatReport(report));
      const repaired = flags.repair ? await this.#repair(store, report, flags.yes) : [];
      if (!isTable) this.log(JSON.stringify({ ...report, ...(flags.repair && { repaired }) }, null, 2));
      return report.findings.length - repaired.length;
    });
    if (left > 0)
      throw new CliError('EFAILED', `${left} ${left === 1 ? 'fault' : 'faults'} found${flags.repair ? ' and not put right' : ''}`);
  }

  /** The plan goes to stderr, so that stdout has the report alone. Gives the subjects of what was put right. */
  async #repair(store: Store, { findings }: Report, yes: boolean): Promise<string[]> {
    const [{ repair, repairText }, { confirm }] = await Promise.all([import('@weir/ipam'), import('../../command-line/confirm.ts')]);
    const plan = findings.flatMap(({ subject, repair: one }) => (one === undefined ? [] : [{ subject, one }]));
    if (plan.length === 0) {
      if (findings.length > 0) this.logToStderr('\nNothing of this can be put right from here.');
      return [];
    }
    this.logToStderr(`\nTo put right:\n${plan.map(({ one }) => `  ${repairText(one)}`).join('\n')}`);
    if (!yes && !(await confirm('Go on?'))) return [];
    const done: string[] = [];
    for (const { subject, one } of plan) {
      try {
        await repair(store, one);
        done.push(subject);
      } catch (error) {
        if (!(error instanceof Error) || error.name !== 'IpamError') throw error;
        this.logToStderr(`not done: ${repairText(one)}: ${error.message}`);
      }
    }
    this.logToStderr(`${done.length} of ${plan.length} put right`);
    return done;
  }
}
