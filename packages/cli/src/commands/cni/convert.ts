import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { Args } from '@oclif/core';
import { Command } from '@oclif/core/command';
import { CliError } from '../../cli-error.ts';

export default class CniConvert extends Command {
  static override summary = "Turn a network file for Calico, or a list of plugins, into one of Weir's.";
  static override usage = 'cni convert FILE|-';
  static override description =
    `The new file is on standard output. What is not in it is on standard error, key by key, with what to do instead.
Taken are: Calico on Mesos; on DC/OS, under mesos-cni-port-mapper; a .conflist; a single plugin of others, which gets policy.`;
  static override examples = ['<%= config.bin %> cni convert /opt/mesosphere/etc/dcos/network/cni/calico.conf > calico.json'];
  static override args = { file: Args.string({ description: 'File, or - for standard input.', required: true }) };

  async run(): Promise<void> {
    const { args } = await this.parse(CniConvert);
    const { convertConfig } = await import('@weir/cni');
    const given = await readJson(args.file);
    const { config, notes } = convertConfig(given);
    this.log(JSON.stringify(config, null, 2));
    for (const { key, text } of notes) this.logToStderr(`${key}: ${text}`);
  }
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(file === '-' ? await text(process.stdin) : await readFile(file, 'utf8'));
  } catch (error) {
    throw new CliError('EREFUSED', `${file}: ${(error as Error).message}`, { cause: error });
  }
}
