import { outputFlag } from '../../command-line/output-flag.ts';
import { StoreCommand } from '../../command-line/store-command.ts';

export default class NodeStatus extends StoreCommand {
  static override summary = 'Show the hosts: address, agent, blocks, endpoints, what Mesos may always do, BGP sessions, and what is wrong.';
  static override usage = 'node status [NAME…] [-o table|json] [STORE FLAGS]';
  static override description =
    `MESOS-TRAFFIC is what is allowed beside all policy: containers reach the Mesos agent of their host at these ports,
and its health checks reach them. Edit spec.mesosTraffic of the Host to narrow it.

BGP sessions follow where there are any: their state as of a second ago, since when, routes that the peer told (IN) and was told
(OUT), and why one is not Established.`;
  static override examples = ['<%= config.bin %> node status', '<%= config.bin %> node status h1 -o json'];
  static override strict = false;
  static override flags = { output: outputFlag(['table', 'json']) };

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(NodeStatus);
    const { readNodes, formatNodes } = await import('../../node/node-status.ts');
    const nodes = await this.withObjects(flags, (stores) => readNodes(stores, argv as string[]));
    if (flags.output === 'json') return this.log(JSON.stringify(nodes, null, 2));
    const { terminalWidth } = await import('../../output/table.ts');
    process.stdout.write(formatNodes(nodes, terminalWidth()));
  }
}
