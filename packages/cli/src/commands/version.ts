import { boolean } from '@oclif/core/flags';
import { outputFlag } from '../command-line/output-flag.ts';
import { type FlagValues, StoreCommand } from '../command-line/store-command.ts';

export default class Version extends StoreCommand {
  static override summary = 'Show the version of this program, and whether the store answers.';
  static override usage = 'version [--client] [-o text|json] [STORE FLAGS]';
  static override examples = ['<%= config.bin %> version', '<%= config.bin %> version --client'];
  static override flags = {
    client: boolean({ summary: 'Do not ask the store.' }),
    output: outputFlag(['text', 'json']),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Version);
    const client = { version: this.config.version, node: process.version, platform: `${this.config.platform}-${this.config.arch}` };
    if (flags.output === 'text') this.log(`Client: weir ${client.version}, Node ${client.node}, ${client.platform}`);
    // The client's line is out already when the store turns out to be unreachable: that is when it is wanted most.
    const store = flags.client ? undefined : await this.askStore(flags);
    if (flags.output === 'json') this.log(JSON.stringify({ client, store }, null, 2));
    else if (store !== undefined) this.log(`Store:  ${store.place}, revision ${store.revision}`);
  }

  private async askStore(flags: FlagValues): Promise<{ place: string; revision: number }> {
    const options = await this.storeOptions(flags);
    const place = options.backend === 'etcd' ? `etcd at ${options.endpoints.join(', ')}` : `embedded in ${options.path}`;
    return this.withStore(flags, async (store) => ({ place, revision: (await store.list('/weir/v1/Pool/')).revision }));
  }
}
