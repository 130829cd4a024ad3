import { Command } from '@oclif/core/command';
import { boolean, string } from '@oclif/core/flags';
import { outputFlag } from '../../command-line/output-flag.ts';
import { hostFlags, hostFolders } from '../../host-install/host-folders.ts';

export default class CniUninstall extends Command {
  static override summary = 'Take away what weir cni install put on this host.';
  static override usage = 'cni uninstall [--network NAME|FILE…] [--dry-run] [--force] [-o text|json] [HOST FLAGS]';
  static override description =
    `In reverse order: network files first, so that Mesos launches nothing more on them. Refused while containers of Weir's are on this host,
or its agent runs. The agent's configuration stays, and so does the store.`;
  static override examples = [
    '<%= config.bin %> cni uninstall',
    '<%= config.bin %> cni uninstall --network weir --network ./mine.json --dry-run',
  ];
  static override flags = {
    network: string({
      summary: 'Network file, as it was given to install. May be given several times.',
      multiple: true,
      multipleNonGreedy: true,
      default: ['weir'],
      helpValue: 'NAME|FILE',
    }),
    'dry-run': boolean({ summary: 'Only say what would be done.' }),
    force: boolean({ summary: 'Also while something needs it, network files that were edited, and files of others.' }),
    output: outputFlag(['text', 'json']),
    ...hostFlags,
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(CniUninstall);
    const [
      { filesToUninstall, runDirOf },
      { findUsers },
      { planUninstall },
      { carryOut, readActual },
      { changeLine, changeRecord, refuseObstacles },
    ] = await Promise.all([
      import('../../host-install/installation.ts'),
      import('../../host-install/in-use.ts'),
      import('../../host-install/host-file.ts'),
      import('../../host-install/carry-out.ts'),
      import('../../host-install/report.ts'),
    ]);
    const { 'dry-run': future, force } = flags;
    const folders = hostFolders(flags);
    const files = await filesToUninstall(folders, flags.network);
    const plan = planUninstall(files, await readActual(files), { force });
    if (!force) plan.obstacles.push(...(await findUsers(await runDirOf(folders))));
    refuseObstacles(plan, 'removed');
    const isText = flags.output === 'text';
    const say = (line: string) => isText && this.log(line);
    if (future) for (const change of plan.changes) say(changeLine(change, { future }));
    else await carryOut(plan.changes, (change) => say(changeLine(change, { future })));
    if (!isText) this.log(JSON.stringify({ dryRun: future, changes: plan.changes.map(changeRecord) }, null, 2));
    else if (plan.changes.length === 0) this.log('Nothing of Weir is installed in these folders.');
    else if (!future) this.log('\nThe rest, if you want that too: docs/install-mesos-agent.md#removal');
  }
}
