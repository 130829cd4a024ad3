import { boolean } from '@oclif/core/flags';
import { outputFlag } from '../../output-flag.ts';
import { StoreCommand } from '../../store-command.ts';

export default class IpamShow extends StoreCommand {
  static override summary = 'Show how full the pools are, and which host owns which block of them.';
  static override usage = 'ipam show [--pools] [-o table|json] [STORE FLAGS]';
  static override examples = ['<%= config.bin %> ipam show', '<%= config.bin %> ipam show -o json'];
  static override flags = {
    pools: boolean({ summary: 'Pools only, no blocks.' }),
    output: outputFlag(['table', 'json']),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(IpamShow);
    const { formatIpam, readUsage } = await import('../../ipam-table.ts');
    const pools = await this.withStore(flags, readUsage);
    if (flags.output === 'json') return this.log(JSON.stringify(pools, null, 2));
    const { terminalWidth } = await import('../../table.ts');
    this.log(formatIpam(pools, { blocks: !flags.pools, width: terminalWidth() }).trimEnd());
  }
}
