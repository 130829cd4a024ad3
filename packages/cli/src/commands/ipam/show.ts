import { boolean, string } from '@oclif/core/flags';
import type { AddressState } from '@weir/ipam';
import { CliError } from '../../cli-error.ts';
import { outputFlag } from '../../command-line/output-flag.ts';
import { type FlagValues, StoreCommand } from '../../command-line/store-command.ts';

export default class IpamShow extends StoreCommand {
  static override summary = 'Show how full the pools are, which host owns which block of them, and who has which address.';
  static override usage = [
    'ipam show [--pools] [-o table|json] [STORE FLAGS]',
    'ipam show --ip ADDRESS | --block CIDR | --host NAME [-o table|json] [STORE FLAGS]',
  ];
  static override examples = [
    '<%= config.bin %> ipam show',
    '<%= config.bin %> ipam show --ip 10.64.0.7',
    '<%= config.bin %> ipam show --host node-7 -o json',
  ];
  static override flags = {
    pools: boolean({ summary: 'Pools only, no blocks.' }),
    ip: string({
      summary: 'Who has this address, since when, or why nobody does.',
      helpValue: 'ADDRESS',
      exclusive: ['block', 'host', 'pools'],
    }),
    block: string({
      summary: 'The addresses of this block that are held, kept or at rest.',
      helpValue: 'CIDR',
      exclusive: ['host', 'pools'],
    }),
    host: string({ summary: 'The addresses that this host holds, of whose blocks they are.', helpValue: 'NAME', exclusive: ['pools'] }),
    output: outputFlag(['table', 'json']),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(IpamShow);
    if (flags.ip !== undefined) return this.#address(flags, flags.ip);
    if (flags.block !== undefined || flags.host !== undefined) return this.#addresses(flags);
    const { formatIpam, readUsage } = await import('../../ipam/ipam-table.ts');
    const pools = await this.withStore(flags, readUsage);
    if (flags.output === 'json') return this.log(JSON.stringify(pools, null, 2));
    const { terminalWidth } = await import('../../output/table.ts');
    this.log(formatIpam(pools, { blocks: !flags.pools, width: terminalWidth() }).trimEnd());
  }

  async #address(flags: FlagValues, text: string): Promise<void> {
    const [{ addressState, readInventory }, { parseAddress }, { formatAddress }] = await Promise.all([
      import('@weir/ipam'),
      import('@weir/resources'),
      import('../../ipam/address-table.ts'),
    ]);
    const address = parseAddress(text);
    const state = addressState(await this.withStore(flags, readInventory), address, Date.now());
    this.log(flags.output === 'json' ? JSON.stringify(state, null, 2) : formatAddress(state).trimEnd());
  }

  async #addresses(flags: FlagValues & { block?: string; host?: string }): Promise<void> {
    const [{ addressState, readInventory }, { parseCidr }, { compareAddresses }, { formatAddresses }, { terminalWidth }] =
      await Promise.all([
        import('@weir/ipam'),
        import('@weir/resources'),
        import('../../output/address-order.ts'),
        import('../../ipam/address-table.ts'),
        import('../../output/table.ts'),
      ]);
    const cidr = flags.block === undefined ? undefined : parseCidr(flags.block);
    const inventory = await this.withStore(flags, readInventory);
    const specs = inventory.blocks.flatMap(({ spec }) => spec ?? []);
    if (cidr !== undefined && !specs.some((spec) => spec.cidr === cidr))
      throw new CliError('ENOTFOUND', `there is no block ${cidr}: see weir ipam show`);
    const now = Date.now();
    const states = specs
      .filter((spec) => cidr === undefined || spec.cidr === cidr)
      .flatMap((spec) => [...Object.keys(spec.allocations), ...(cidr === undefined ? [] : Object.keys(spec.released))])
      .map((address): AddressState => addressState(inventory, address, now))
      .filter(({ state, holder }) => state !== 'free' && (flags.host === undefined || holder?.host === flags.host))
      .sort((one, other) => compareAddresses(one.address, other.address));
    // One that is gone may hold some still.
    if (flags.host !== undefined && states.length === 0 && !inventory.hosts.some(({ metadata }) => metadata.name === flags.host))
      throw new CliError('ENOTFOUND', `there is no host ${flags.host}: see weir node status`);
    if (flags.output === 'json') return this.log(JSON.stringify(states, null, 2));
    process.stdout.write(formatAddresses(states, terminalWidth()));
  }
}
