import { readFile } from 'node:fs/promises';
import { boolean, string } from '@oclif/core/flags';
import type { Inventory, Repair } from '@weir/ipam';
import { CliError } from '../../cli-error.ts';
import { outputFlag } from '../../command-line/output-flag.ts';
import { StoreCommand } from '../../command-line/store-command.ts';

type Release = Extract<Repair, { do: 'release' }>;

export default class IpamRelease extends StoreCommand {
  static override summary = 'Free addresses whose containers are gone.';
  static override usage = [
    'ipam release ADDRESS… [--yes] [-o text|json] [STORE FLAGS]',
    'ipam release --from-report FILE [--yes] [-o text|json] [STORE FLAGS]',
  ];
  static override description =
    `An address of an endpoint is not freed: it goes with its container. Nor is a claim's: weir delete claim frees it.
Of a report only leaked addresses are freed, and only if they are held as they were then. Be sure that the containers are gone: their addresses go to others.`;
  static override examples = [
    '<%= config.bin %> ipam release 10.64.0.7',
    '<%= config.bin %> ipam check -o json > report.json; <%= config.bin %> ipam release --from-report report.json',
  ];
  static override strict = false;
  static override flags = {
    'from-report': string({ summary: 'What weir ipam check -o json printed.', helpValue: 'FILE' }),
    yes: boolean({ summary: 'Do not ask.' }),
    output: outputFlag(['text', 'json']),
  };

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(IpamRelease);
    const report = flags['from-report'];
    if (argv.length > 0 === (report !== undefined)) throw new CliError('EUSAGE', 'name addresses, or a report with --from-report');
    const [{ readInventory, repair }, { parseAddress }, { attemptAll }, { confirm }] = await Promise.all([
      import('@weir/ipam'),
      import('@weir/resources'),
      import('../../objects/attempt-all.ts'),
      import('../../command-line/confirm.ts'),
    ]);
    const addresses = (argv as string[]).map((word) => parseAddress(word));
    const released: string[] = [];
    await this.withStore(flags, async (store) => {
      const inventory = await readInventory(store);
      const releases = report === undefined ? addresses.map((address) => releaseOf(address, inventory)) : await readReport(report);
      if (releases.length === 0) return;
      this.logToStderr(`To free:\n${releases.map(({ address, host }) => `  ${address}, held by host ${host}`).join('\n')}`);
      if (!flags.yes && !(await confirm('Go on?'))) return;
      await attemptAll(
        releases,
        ({ address }) => address,
        async (one) => {
          await repair(store, one);
          released.push(one.address);
          if (flags.output === 'text') this.log(`${one.address} released`);
        },
      );
    });
    if (flags.output === 'json') this.log(JSON.stringify({ released }, null, 2));
    else if (released.length === 0) this.log('nothing released');
  }
}

/** @throws CliError ENOTFOUND, EREFUSED */
function releaseOf(address: string, { blocks, endpoints }: Inventory): Release {
  const holder = blocks.flatMap(({ spec }) => spec?.allocations[address] ?? [])[0];
  if (holder === undefined) throw new CliError('ENOTFOUND', `${address} is not held: see weir ipam show --ip ${address}`);
  const endpoint = endpoints.find(({ spec }) => spec.host === holder.host && spec.addresses.includes(address));
  if (endpoint !== undefined) {
    const { name, namespace } = endpoint.metadata;
    throw new CliError(
      'EREFUSED',
      `${address} is of endpoint ${namespace}/${name} on host ${holder.host}: stop its container, which frees it`,
    );
  }
  if (holder.containerId === undefined) {
    const [namespace, name] = holder.claim!.split('/');
    throw new CliError('EREFUSED', `${address} is kept for a claim: weir delete claim ${name} -n ${namespace} frees it`);
  }
  return { do: 'release', address, host: holder.host, sequence: holder.sequence };
}

/** Those of a report that are certain. @throws CliError EUSAGE */
async function readReport(path: string): Promise<Release[]> {
  const { z } = await import('zod');
  const release = z.object({ do: z.literal('release'), address: z.string(), host: z.string(), sequence: z.number() });
  const schema = z.object({ findings: z.array(z.object({ repair: z.union([release, z.object({ do: z.string() })]).optional() })) });
  try {
    const { findings } = schema.parse(JSON.parse(await readFile(path, 'utf8')));
    return findings.flatMap(({ repair }) => (release.safeParse(repair).data ?? []) as Release[]);
  } catch (error) {
    throw new CliError('EUSAGE', `${path} is no report of weir ipam check -o json: ${(error as Error).message.split('\n')[0]}`, {
      cause: error,
    });
  }
}
