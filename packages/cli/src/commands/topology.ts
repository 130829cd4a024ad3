import { outputFlag } from '../command-line/output-flag.ts';
import { StoreCommand } from '../command-line/store-command.ts';

export default class Topology extends StoreCommand {
  static override summary = 'Show subnets, hosts, their pools and blocks, and how packets get from one to another: as a tree or a picture.';
  static override usage = 'topology [-o tree|svg|json] [STORE FLAGS]';
  static override description =
    `Hosts stand together where their addresses are of one subnet. What the hosts' agents last told is shown: a host whose
agent gives no sign of life is down. Modes are those of weir node routes.`;
  static override examples = [
    '<%= config.bin %> topology',
    { description: 'A picture, for a browser', command: '<%= config.bin %> topology -o svg > topology.svg' },
  ];
  static override flags = { output: outputFlag(['tree', 'svg', 'json']) };

  async run(): Promise<void> {
    const { flags } = await this.parse(Topology);
    const [{ topologyOf }, { topologyTree }, { topologySvg }, { listObjects }, { presentAgents }, { withMtuProblems }] = await Promise.all([
      import('../topology/topology.ts'),
      import('../topology/tree.ts'),
      import('../topology/svg.ts'),
      import('../objects/list-objects.ts'),
      import('../node/presence.ts'),
      import('../node/mtu-problems.ts'),
    ]);
    const topology = await this.withObjects(flags, async (stores) => {
      const [hosts, pools, blocks, endpoints, agents] = await Promise.all([
        listObjects(stores, 'Host', {}),
        listObjects(stores, 'Pool', {}),
        listObjects(stores, 'Block', {}),
        listObjects(stores, 'Endpoint', {}),
        presentAgents(stores.store),
      ]);
      return topologyOf({ hosts, pools, blocks, endpoints, agents: withMtuProblems(agents, hosts) });
    });
    if (flags.output === 'json') return this.log(JSON.stringify(topology, null, 2));
    const title = `Weir on ${new Date().toISOString().slice(0, 16).replace('T', ', ')} UTC`;
    process.stdout.write(flags.output === 'svg' ? topologySvg(topology, { title }) : topologyTree(topology));
  }
}
