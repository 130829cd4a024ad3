import { Command } from '@oclif/core/command';
import { CliError } from '../../cli-error.ts';
import { outputFlag } from '../../command-line/output-flag.ts';
import { hostFlags, hostFolders } from '../../host-install/host-folders.ts';

const { 'plugins-dir': pluginsDir, 'config-dir': configDir, config } = hostFlags;

export default class CniVerify extends Command {
  static override summary = 'See whether this host can run Weir, and what to do about what is missing.';
  static override usage = 'cni verify [-o text|json] [--plugins-dir FOLDER] [--config-dir FOLDER] [--config FILE]';
  static override description =
    `Tries the kernel out in a network namespace of its own, reads the network files as Mesos and as Weir's tools do, asks store and agent, and tries with echo requests how large packets to the other hosts may be.
It changes nothing. The exit status is 1 when something is missing that Weir needs; warnings leave it at 0.`;
  static override examples = ['<%= config.bin %> cni verify', '<%= config.bin %> cni verify -o json'];
  static override flags = { output: outputFlag(['text', 'json']), 'plugins-dir': pluginsDir, 'config-dir': configDir, config };

  async run(): Promise<void> {
    const { flags } = await this.parse(CniVerify);
    const { checkHost, formatChecks } = await import('../../host-check/index.ts');
    const checks = await checkHost(hostFolders({ ...flags, 'unit-dir': '', 'no-unit': true, 'bin-dir': '' }));
    const bad = checks.filter(({ status }) => status === 'failed');
    if (flags.output === 'json') this.log(JSON.stringify({ ok: bad.length === 0, checks }, null, 2));
    else process.stdout.write(formatChecks(checks));
    if (bad.length > 0)
      throw new CliError('EFAILED', `this host cannot run Weir as it is: ${bad.length} of ${checks.length} checks failed`);
  }
}
