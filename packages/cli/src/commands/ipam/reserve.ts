import { option, string } from '@oclif/core/flags';
import type { Reservation } from '@weir/resources';
import { CliError } from '../../cli-error.ts';
import { outputFlag } from '../../command-line/output-flag.ts';
import { StoreCommand } from '../../command-line/store-command.ts';

export default class IpamReserve extends StoreCommand {
  static override summary = 'Keep addresses of pools from being given unasked.';
  static override usage = 'ipam reserve ADDRESS|CIDR|FIRST-LAST… [--name NAME] [--requests Refuse|Allow] [-o text|json] [STORE FLAGS]';
  static override description =
    `They are added to the Reservation of that name, which is made when it is not there. Who has one of them keeps it until it ends.
See them with weir get reservations, and end them with weir delete reservation NAME.`;
  static override examples = [
    '<%= config.bin %> ipam reserve 10.64.0.1 10.64.1.10-10.64.1.20',
    '<%= config.bin %> ipam reserve 10.64.2.0/28 --name chosen --requests Allow',
  ];
  static override strict = false;
  static override flags = {
    name: string({ summary: 'Name of the Reservation.', default: 'reserved', helpValue: 'NAME' }),
    requests: option({
      summary: 'Whether a task that asks for one of them gets it. Default: as it is, else Refuse.',
      options: ['Refuse', 'Allow'] as const,
    })(),
    output: outputFlag(['text', 'json']),
  };

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(IpamReserve);
    if (argv.length === 0) throw new CliError('EUSAGE', 'name the addresses: single ones, CIDRs, or ranges such as 10.64.1.10-10.64.1.20');
    const [{ parseObject, parseAddressRange, rangeText }, { retryConflicts, put }, { addressState, readInventory, holderText }] =
      await Promise.all([import('@weir/resources'), import('../../objects/write-object.ts'), import('@weir/ipam')]);
    const ranges = (argv as string[]).map(parseAddressRange);
    const wanted = { kind: 'Reservation' as const, metadata: { name: flags.name } };
    await this.withObjects(flags, async (stores) => {
      const written = await retryConflicts(wanted, async () => {
        const known = await stores.objects.get('Reservation', flags.name);
        const addresses = [...new Set([...(known?.object.spec.addresses ?? []), ...ranges.map(rangeText)])];
        const requests = flags.requests ?? known?.object.spec.requests;
        const reservation = parseObject({
          apiVersion: 'weir/v1',
          kind: 'Reservation',
          metadata: known?.object.metadata ?? wanted.metadata,
          spec: { addresses, ...(requests && { requests }) },
        }) as Reservation;
        await put(stores, reservation, known?.revision ?? 0);
        return reservation;
      });
      const inventory = await readInventory(stores.store);
      const held = inventory.blocks
        .flatMap(({ spec }) => Object.keys(spec?.allocations ?? {}))
        .filter((address) => ranges.some((range) => contains(range, parseAddressRange(address))));
      if (flags.output === 'json') return this.log(JSON.stringify({ reservation: flags.name, ...written.spec, held }, null, 2));
      this.log(`reservation/${flags.name}: ${written.spec.addresses.join(', ')}`);
      for (const address of held) {
        const { holder } = addressState(inventory, address, Date.now());
        this.log(`${address} stays with ${holder === undefined ? 'its holder' : holderText(holder)} until it ends`);
      }
    });
  }
}

type Range = ReturnType<typeof import('@weir/resources').parseAddressRange>;

const contains = (outer: Range, inner: Range): boolean =>
  outer.family === inner.family && outer.first <= inner.first && inner.last <= outer.last;
