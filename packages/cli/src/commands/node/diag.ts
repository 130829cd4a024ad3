import { resolve } from 'node:path';
import { string } from '@oclif/core/flags';
import { StoreCommand } from '../../command-line/store-command.ts';

export default class NodeDiag extends StoreCommand {
  static override summary = 'Collect what is needed to find out what is wrong with this host, without secrets, in one file.';
  static override usage = 'node diag [--file FILE] [--log FILE] [STORE FLAGS]';
  static override description =
    `Run it as root, on the host. It changes nothing, and says what it put into the file: the agent's configuration, health, metrics and the
end of its log; the host's objects with pools, networks and policies; interfaces, addresses, routes, neighbours, Weir's nftables, kernel
parameters and modules. Passwords and tokens of the configuration and of objects are masked wherever they stand. Addresses, names and labels
of containers are in it.`;
  static override examples = [
    '<%= config.bin %> node diag',
    { description: 'Where the agent logs to a file', command: '<%= config.bin %> node diag --log /var/log/weir-agent.log' },
  ];
  static override flags = {
    file: string({ char: 'f', summary: 'Where to. Default: weir-diag-HOST-TIME.tar.gz in this folder.', helpValue: 'FILE' }),
    log: string({ summary: "The agent's log. Default: systemd's journal.", helpValue: 'FILE' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(NodeDiag);
    const [{ collect }, { formatContents, writeBundle }, { terminalWidth }] = await Promise.all([
      import('../../diag/collect.ts'),
      import('../../diag/bundle.ts'),
      import('../../output/table.ts'),
    ]);
    const { host, parts } = await collect({
      version: this.config.version,
      agentConfig: flags.config,
      log: flags.log,
      withStore: (work) => this.withObjects(flags, work),
    });
    const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
    const path = resolve(flags.file ?? `weir-diag-${host}-${time}.tar.gz`);
    await writeBundle(path, parts);
    process.stdout.write(`${formatContents(parts, terminalWidth())}\n${path}\n`);
  }
}
