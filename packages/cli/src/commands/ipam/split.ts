import { integer } from '@oclif/core/flags';
import { CliError } from '../../cli-error.ts';
import { outputFlag } from '../../command-line/output-flag.ts';
import { StoreCommand } from '../../command-line/store-command.ts';

export default class IpamSplit extends StoreCommand {
  static override summary = 'Split a pool into several, or its blocks into smaller ones, while its addresses are in use.';
  static override usage = [
    'ipam split POOL --into NUMBER [-o text|json] [STORE FLAGS]',
    'ipam split POOL --block-size PREFIX-LENGTH [-o text|json] [STORE FLAGS]',
    'ipam split BLOCK [-o text|json] [STORE FLAGS]',
  ];
  static override description =
    `Who has an address keeps it. Of a pool's parts the first keeps the name, the others are POOL-2, POOL-3 and so on: network files,
labels and claims that name the pool must name those too where they are meant. A block is split into such as its pool has now;
one that other hosts have borrowed from stays whole until they have given back.`;
  static override examples = [
    '<%= config.bin %> ipam split tasks --into 2',
    '<%= config.bin %> ipam split tasks --block-size 28',
    '<%= config.bin %> ipam split 10.64.0.64/26',
  ];
  static override strict = false;
  static override flags = {
    into: integer({ summary: 'So many pools: 2, 4, 8 … 64.', helpValue: 'NUMBER', exclusive: ['block-size'] }),
    'block-size': integer({ summary: 'Blocks of this prefix length, now and from now on.', helpValue: 'PREFIX-LENGTH' }),
    output: outputFlag(['text', 'json']),
  };

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(IpamSplit);
    const [what, ...rest] = argv as string[];
    if (what === undefined || rest.length > 0) throw new CliError('EUSAGE', 'name one pool, or one block by its CIDR');
    const isBlock = what.includes('/');
    if (isBlock !== (flags.into === undefined && flags['block-size'] === undefined)) {
      throw new CliError(
        'EUSAGE',
        isBlock
          ? 'a block is split into such as its pool has: leave --into and --block-size out'
          : 'say --into NUMBER or --block-size PREFIX-LENGTH',
      );
    }
    if (flags.into !== undefined) return this.#pool(flags, what, flags.into);
    const [{ shrinkBlocks, splitBlock }, { parseCidr }] = await Promise.all([import('@weir/ipam'), import('@weir/resources')]);
    const size = flags['block-size'];
    const result = await this.withStore(flags, (store) =>
      size === undefined ? splitBlock(store, parseCidr(what)) : shrinkBlocks(store, what, size),
    );
    if (flags.output === 'json') return this.log(JSON.stringify(result, null, 2));
    for (const { block, into } of result.split) this.log(`block ${block} split into ${into.join(', ') || 'nothing: it was empty'}`);
    for (const { reason } of result.whole) this.log(reason);
    if (size !== undefined) this.log(`pool "${what}" has blocks of /${size} from now on`);
  }

  async #pool(flags: { output: string }, name: string, into: number): Promise<void> {
    const { splitPool } = await import('@weir/ipam');
    const parts = await this.withStore(flags, (store) => splitPool(store, name, into));
    const records = parts.map(({ metadata, spec }) => ({ pool: metadata.name, cidr: spec.cidr }));
    if (flags.output === 'json') return this.log(JSON.stringify(records, null, 2));
    for (const { pool, cidr } of records) this.log(`pool/${pool} is ${cidr}`);
  }
}
