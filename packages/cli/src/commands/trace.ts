import { boolean, string } from '@oclif/core/flags';
import { outputFlag } from '../command-line/output-flag.ts';
import { StoreCommand } from '../command-line/store-command.ts';
import { EXIT } from '../exit-status.ts';

export default class Trace extends StoreCommand {
  static override summary = 'Say whether one may talk to another, and why: every policy and rule on the way.';
  static override usage = 'trace --from END --to END --port PROTOCOL/PORT [-n NAME] [--live] [-o text|json] [STORE FLAGS]';
  static override description =
    `An END is an endpoint's name or container id, labels (run=web), either in a namespace (shop/run=web), the id of a Marathon app or group (/shop/web), a host (node-7, host/node-7), an IP address, or outside: somebody whom no pool and no network set has. One of another cluster has that cluster's name before it (east:shop/run=web); policy is asked at the ends that are of this one.

--to also takes service/NAME, or the virtual address of one: its backends that are ready, at the port that it leads to. Where several endpoints are meant, the first pair is explained and all are counted.

It is calculated from the store by the code that the agents run; no agent is asked. What is wrong on the hosts of the way, as in weir node status, is told below. The exit status is 0 where the flow is allowed, 1 where it is denied.`;
  static override examples = [
    '<%= config.bin %> trace --from shop/run=web --to shop/run=db --port tcp/5432',
    '<%= config.bin %> trace --from outside --to 10.64.0.7 --port tcp/http -o json',
    '<%= config.bin %> trace --from shop/run=web --to node-7 --port tcp/9100',
    '<%= config.bin %> trace --from /shop/web --to /shop/db --port tcp/5432',
    '<%= config.bin %> trace --from shop/run=web --to 192.0.2.53 --port udp/53',
    '<%= config.bin %> trace --from shop/run=web --to service/shop/db --port tcp/5432',
  ];
  static override flags = {
    from: string({ summary: 'Who begins the flow.', required: true, helpValue: 'END' }),
    to: string({ summary: 'Whom it is for.', required: true, helpValue: 'END' }),
    port: string({
      summary: 'tcp/80, udp/53, tcp/http by name, icmp, icmp/8/0, or protocol/47 by number.',
      required: true,
      helpValue: 'PROTOCOL/PORT',
    }),
    'source-port': string({ summary: 'Default: a high one.', helpValue: 'PORT' }),
    namespace: string({ char: 'n', summary: 'Namespace of the ends that name none. Default: all.', helpValue: 'NAME' }),
    live: boolean({
      summary: 'Also look at what the kernel does with a real packet. As root, on the host of an end; on that of the source it is sent.',
    }),
    output: outputFlag(['text', 'json']),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Trace);
    const [{ parseTraceRequest, trace }, { readPolicyState }, { troublesOnWay, formatTroubles }] = await Promise.all([
      import('../why/trace.ts'),
      import('../why/policy-state.ts'),
      import('../why/troubles.ts'),
    ]);
    const request = parseTraceRequest(flags);
    const { state, traced, troubles } = await this.withObjects(flags, async (stores) => {
      const state = await readPolicyState(stores);
      const traced = trace(request, state);
      return { state, traced, troubles: await troublesOnWay(traced, state, stores.store) };
    });
    const waiting = (seconds: number) => this.logToStderr(`waiting up to ${seconds} s for the first packet of the flow`);
    const live = flags.live ? await (await import('../why/live.ts')).traceLive(traced, waiting) : undefined;
    if (flags.output === 'json') {
      const { traceJson } = await import('../why/trace-json.ts');
      this.log(JSON.stringify({ ...traceJson(traced, troubles), ...(live !== undefined && { live }) }, null, 2));
    } else {
      const [{ formatTrace }, { formatLive }] = await Promise.all([import('../why/trace-text.ts'), import('../why/live.ts')]);
      process.stdout.write(
        formatTrace(traced, request, state) + formatTroubles(troubles) + (live === undefined ? '' : formatLive(live, traced)),
      );
    }
    if (traced.verdict === 'Deny' || (live !== undefined && live.verdict !== live.calculated)) this.exit(EXIT.refused);
  }
}
