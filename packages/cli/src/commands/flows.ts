import { boolean, integer, string } from '@oclif/core/flags';
import { outputFlag } from '../command-line/output-flag.ts';
import { StoreCommand } from '../command-line/store-command.ts';
import { untilInterrupted } from '../command-line/until-interrupted.ts';

export default class Flows extends StoreCommand {
  static override summary = 'Show who talked to whom, on all hosts: allowed or denied, and by which rule.';
  static override usage =
    'flows [-f] [--denied] [--staged] [--from END] [--to END] [--since TIME] [--limit N] [-o table|json] [STORE FLAGS]';
  static override description =
    `Each host keeps the flows of the last hour, one record in 10 seconds for each pair of addresses, port and verdict.

END is labels of endpoints (run=web, or a selector), also within a namespace (shop/run=web), NAMESPACE/NAME of an endpoint, the id of a
Marathon app or group, host/NAME, an address or CIDR, or "outside".

Of allowed flows the first packet is counted; of denied ones each, as far as the kernel told of it. Ends with status 1 when an agent
that runs did not answer.`;
  static override examples = [
    '<%= config.bin %> flows --denied',
    '<%= config.bin %> flows -f --denied --to app=web',
    '<%= config.bin %> flows --from /shop --since 1h',
    '<%= config.bin %> flows --from outside --since 1h -o json',
  ];
  static override flags = {
    follow: boolean({ char: 'f', summary: 'Go on with flows as they come, until interrupted.' }),
    denied: boolean({ summary: 'Only what was denied.' }),
    staged: boolean({ summary: 'Only what staged policies would decide otherwise.' }),
    from: string({ summary: 'Only flows that this end began.', helpValue: 'END' }),
    to: string({ summary: 'Only flows to this end.', helpValue: 'END' }),
    since: string({ summary: 'Only flows since then: 30s, 10m, 1h, or a date and time of ISO 8601.', default: '10m', helpValue: 'TIME' }),
    limit: integer({ summary: 'The latest so many records.', default: 1000, min: 1, max: 10_000, helpValue: 'N' }),
    output: outputFlag(['table', 'json']),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Flows);
    const { flowQuery } = await import('../flows/flow-query.ts');
    const query = flowQuery(flags, Date.now());
    const { showFlows } = await import('../flows/show-flows.ts');
    const { terminalWidth } = await import('../output/table.ts');
    const options = { form: flags.output, width: terminalWidth(), signal: untilInterrupted() };
    await this.withStore(flags, (store) => showFlows(store, query, options, (text) => void process.stdout.write(text)));
  }
}
