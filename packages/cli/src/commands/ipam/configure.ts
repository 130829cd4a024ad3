import { boolean, integer } from '@oclif/core/flags';
import type { IpamConfig, IpamConfigSpec } from '@weir/resources';
import { outputFlag } from '../../command-line/output-flag.ts';
import { StoreCommand } from '../../command-line/store-command.ts';

export default class IpamConfigure extends StoreCommand {
  static override summary = 'Show or change how addresses are handed out in the whole cluster.';
  static override usage = 'ipam configure [SETTINGS] [-o text|json] [STORE FLAGS]';
  static override description =
    'Without settings it shows them. What is not named stays as it is; changes hold from the next launch on. They are the IpamConfig "default".';
  static override examples = [
    '<%= config.bin %> ipam configure',
    '<%= config.bin %> ipam configure --strict-affinity --cooldown 120',
    '<%= config.bin %> ipam configure --no-strict-affinity --max-blocks-per-host 4',
  ];
  static override flags = {
    'strict-affinity': boolean({ summary: 'A host gives addresses of its own blocks alone.', allowNo: true }),
    cooldown: integer({ summary: 'Rest of an address that was given back.', helpValue: 'SECONDS' }),
    'empty-block': integer({ summary: 'Then an empty block goes back to its pool.', helpValue: 'SECONDS' }),
    'dead-host': integer({ summary: 'Then a silent host loses its empty blocks.', helpValue: 'SECONDS' }),
    'max-blocks-per-host': integer({ summary: 'Blocks of one pool that a host owns at most; 0: no limit.', helpValue: 'NUMBER' }),
    output: outputFlag(['text', 'json']),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(IpamConfigure);
    const [{ parseObject, DEFAULT_IPAM_CONFIG, IPAM_CONFIG_NAME }, { retryConflicts, put }] = await Promise.all([
      import('@weir/resources'),
      import('../../objects/write-object.ts'),
    ]);
    const given = settingsOf(flags);
    const spec = await this.withObjects(flags, (stores) =>
      retryConflicts({ kind: 'IpamConfig', metadata: { name: IPAM_CONFIG_NAME } }, async () => {
        const known = await stores.objects.get('IpamConfig', IPAM_CONFIG_NAME);
        const before: IpamConfigSpec = known?.object.spec ?? DEFAULT_IPAM_CONFIG;
        if (Object.keys(given).length === 0) return before;
        const { maxBlocksPerHost, ...others } = { ...before, ...given };
        const config = parseObject({
          apiVersion: 'weir/v1',
          kind: 'IpamConfig',
          metadata: known?.object.metadata ?? { name: IPAM_CONFIG_NAME },
          spec: { ...others, ...(maxBlocksPerHost !== undefined && maxBlocksPerHost !== 0 && { maxBlocksPerHost }) },
        }) as IpamConfig;
        await put(stores, config, known?.revision ?? 0);
        return config.spec;
      }),
    );
    if (flags.output === 'json') return this.log(JSON.stringify(spec, null, 2));
    const { serviceRanges, maxBlocksPerHost = 'no limit', ...others } = spec;
    const shown = { ...others, maxBlocksPerHost, serviceRanges: serviceRanges.join(', ') };
    for (const [name, value] of Object.entries(shown)) this.log(`${`${name}:`.padEnd(20)}${value}`);
  }
}

interface Flags {
  'strict-affinity'?: boolean;
  cooldown?: number;
  'empty-block'?: number;
  'dead-host'?: number;
  'max-blocks-per-host'?: number;
}

function settingsOf(flags: Flags): Partial<IpamConfigSpec> {
  const settings = {
    strictAffinity: flags['strict-affinity'],
    cooldownSeconds: flags.cooldown,
    emptyBlockSeconds: flags['empty-block'],
    deadHostSeconds: flags['dead-host'],
    maxBlocksPerHost: flags['max-blocks-per-host'],
  };
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
