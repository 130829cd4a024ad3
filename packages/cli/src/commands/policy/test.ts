import { Command } from '@oclif/core/command';
import { string } from '@oclif/core/flags';
import { CliError } from '../../cli-error.ts';
import { outputFlag } from '../../command-line/output-flag.ts';
import { EXIT } from '../../exit-status.ts';

export default class PolicyTest extends Command {
  static override summary = 'Test policies against what they are to allow and deny, with no cluster.';
  static override usage = 'policy test FILE… [-f FILE|FOLDER] [-o tap|json]';
  static override description =
    `Each FILE holds PolicyTests: endpoints, the files of policies, and who is expected to reach whom. Neither store nor agent is asked.
The exit status is 1 when an expectation does not hold.`;
  static override examples = [
    '<%= config.bin %> policy test shop-test.yaml',
    '<%= config.bin %> policy test tests/*.yaml -f policies/ -o json',
  ];
  static override strict = false;
  static override flags = {
    filename: string({
      char: 'f',
      summary: 'Objects that hold for all tests: file, or folder of .yaml, .yml and .json files. May be given several times.',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'FILE|FOLDER',
    }),
    output: outputFlag(['tap', 'json']),
  };

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(PolicyTest);
    if (argv.length === 0) throw new CliError('EUSAGE', 'nothing to test: name a file with PolicyTests, or - for standard input');
    const { formatTap, runPolicyTests } = await import('../../why/policy-tests.ts');
    const results = await runPolicyTests(argv as string[], { files: flags.filename ?? [] });
    process.stdout.write(flags.output === 'json' ? `${JSON.stringify(results, null, 2)}\n` : formatTap(results));
    if (results.some(({ ok }) => !ok)) this.exit(EXIT.refused);
  }
}
