import { boolean } from '@oclif/core/flags';
import { outputFlag } from '../../command-line/output-flag.ts';
import { StoreCommand } from '../../command-line/store-command.ts';

export default class NodeRoutes extends StoreCommand {
  static override summary = "Show a host's routes to containers: whose, in which mode, and whether the kernel has them.";
  static override usage = 'node routes [NAME…] [--all] [--here] [-o table|json] [STORE FLAGS]';
  static override description =
    `Without a name, those of this machine. Its kernel is looked at, too; of other hosts the store alone is asked, and KERNEL is "?".

MODE is

native   to the host itself, on a link or by the network's own routes
vxlan    through the tunnel to the host
bgp      as the routing daemon was told
flannel  as a lease of the flannel network says
local    an own block: containers' routes lead on from there
none     no way; whoever sends there is told at once

KERNEL is yes, no, other (NOTE says what it has), or extra (nothing calls for it).`;
  static override examples = [
    '<%= config.bin %> node routes',
    { description: 'What every host should have', command: '<%= config.bin %> node routes --all' },
  ];
  static override strict = false;
  static override flags = {
    all: boolean({ summary: 'Of every host.' }),
    here: boolean({ summary: 'This machine is the host of that NAME, whatever agent.yaml says.' }),
    output: outputFlag(['table', 'json']),
  };

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(NodeRoutes);
    const names = argv as string[];
    if (flags.here && names.length !== 1) this.error('--here goes with one NAME', { exit: 2 });
    const { readRoutes, formatRoutes } = await import('../../node/node-routes.ts');
    const rows = await this.withObjects(flags, (stores) =>
      readRoutes(stores, { names, all: flags.all, isHere: flags.here, config: flags.config }),
    );
    if (flags.output === 'json') return this.log(JSON.stringify(rows, null, 2));
    const { terminalWidth } = await import('../../output/table.ts');
    process.stdout.write(formatRoutes(rows, terminalWidth()));
  }
}
