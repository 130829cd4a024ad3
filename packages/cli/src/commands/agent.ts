import { Command } from '@oclif/core/command';
import { string } from '@oclif/core/flags';

export default class Agent extends Command {
  static override summary = 'Run the agent of this host.';
  static override description = `One runs on each host: it serves the CNI calls, watches the store and keeps the kernel in step.
It stays in the foreground, logs to stdout, and ends on SIGTERM and SIGINT. What it had put in the kernel stays in force.`;
  static override examples = [{ description: 'As a service does:', command: '<%= config.bin %> agent --config /etc/weir/agent.yaml' }];
  static override flags = {
    config: string({ summary: "The agent's configuration.", default: '/etc/weir/agent.yaml', helpValue: 'FILE' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Agent);
    const { runAgent } = await import('@weir/agent');
    await runAgent({ configFile: flags.config });
  }
}
