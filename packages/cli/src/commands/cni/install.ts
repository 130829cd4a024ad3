import { Command } from '@oclif/core/command';
import { boolean, integer, string } from '@oclif/core/flags';
import { outputFlag } from '../../command-line/output-flag.ts';
import { storePlaceFlags } from '../../command-line/store-flags.ts';
import { hostFlags, hostFolders } from '../../host-install/host-folders.ts';

export default class CniInstall extends Command {
  static override summary = "Put Weir on a Mesos agent's host: CNI tools, network files, the agent's configuration and its systemd unit.";
  static override usage = 'cni install [--network NAME|FILE…] [--dry-run] [--force] [-o text|json] [HOST FLAGS] [STORE FLAGS]';
  static override description =
    `Files appear whole or not at all, and network files last, so that Mesos may run meanwhile. Run again, it makes what is missing or old;
configuration that is there stays as it is, and a file that is not Weir's is never touched without --force.
The host runs Weir from where this program is.`;
  static override examples = [
    '<%= config.bin %> cni install --etcd-endpoints http://10.0.0.1:2379,http://10.0.0.2:2379',
    {
      description: 'Other folders, two networks, only to see what would be done:',
      command: '<%= config.bin %> cni install --plugins-dir /usr/lib/cni --network weir --network ./mine.json --dry-run',
    },
  ];
  static override flags = {
    network: string({
      summary: 'Network file: the name of one in cni-configs/, or a path. May be given several times.',
      multiple: true,
      multipleNonGreedy: true,
      default: ['weir'],
      helpValue: 'NAME|FILE',
    }),
    timeout: integer({ summary: 'How long a CNI call may take. Default: 60.', min: 1, max: 9999, helpValue: 'SECONDS' }),
    'dry-run': boolean({ summary: 'Only say what would be done.' }),
    force: boolean({ summary: 'Replace files of others, and configuration that was edited.' }),
    output: outputFlag(['text', 'json']),
    ...hostFlags,
    ...storePlaceFlags,
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(CniInstall);
    const [{ filesToInstall }, { planInstall }, { carryOut, readActual }, { changeLine, changeRecord, refuseObstacles }] =
      await Promise.all([
        import('../../host-install/installation.ts'),
        import('../../host-install/host-file.ts'),
        import('../../host-install/carry-out.ts'),
        import('../../host-install/report.ts'),
      ]);
    const { 'dry-run': future, force } = flags;
    const folders = hostFolders(flags);
    const { files, obstacles } = await filesToInstall({ folders, networks: flags.network, storeFlags: flags, timeout: flags.timeout });
    const plan = planInstall(files, await readActual(files), { force });
    if (!force) plan.obstacles.push(...obstacles);
    refuseObstacles(plan, 'installed');
    const isText = flags.output === 'text';
    const say = (line: string) => isText && this.log(line);
    if (future) for (const change of plan.changes) say(changeLine(change, { future }));
    else {
      await carryOut(plan.changes, (change) => say(changeLine(change, { future })));
      await this.#bundle();
    }
    const next = [
      ...(folders.unitDir === undefined ? [] : ['systemctl daemon-reload', 'systemctl enable weir-agent', 'systemctl restart weir-agent']),
      'weir cni verify',
    ];
    if (isText) this.log(`\nNext:\n${next.map((command) => `  ${command}`).join('\n')}`);
    else this.log(JSON.stringify({ dryRun: future, changes: plan.changes.map(changeRecord), next }, null, 2));
  }

  /** A call without an agent goes faster with it, and goes without it too: an installation that cannot be written to is no fault. */
  async #bundle(): Promise<void> {
    try {
      const { bundleOneShot } = await import('@weir/agent/bundle-one-shot');
      await bundleOneShot();
    } catch (error) {
      this.warn(`calls without an agent will be slower, since their program could not be bundled: ${(error as Error).message}`);
    }
  }
}
