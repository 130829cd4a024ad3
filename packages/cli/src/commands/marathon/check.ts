import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { Args } from '@oclif/core';
import { Command } from '@oclif/core/command';
import { CliError } from '../../cli-error.ts';
import { outputFlag } from '../../command-line/output-flag.ts';

export default class MarathonCheck extends Command {
  static override summary = 'Say what Weir would make of an app, before it is posted.';
  static override usage = 'marathon check FILE|- [-o text|json]';
  static override description = `The file has an app, a pod, a list of them, or a group. Nothing is asked of Marathon or the store.
Exit status 1: some label cannot be followed as it is.`;
  static override examples = [
    '<%= config.bin %> marathon check app.json',
    'curl -s marathon:8080/v2/apps | <%= config.bin %> marathon check -',
  ];
  static override args = { file: Args.string({ description: 'File, or - for standard input.', required: true }) };
  static override flags = { output: outputFlag(['text', 'json']) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(MarathonCheck);
    const [{ checkApp, definitionsOf }, { appCheckText }] = await Promise.all([
      import('@weir/mesos'),
      import('../../output/app-check-text.ts'),
    ]);
    const checks = definitionsOf(await readJson(args.file)).map(checkApp);
    this.log(flags.output === 'json' ? JSON.stringify(checks, null, 2) : checks.map(appCheckText).join('\n').trimEnd());
    const wrong = checks.filter(({ errors }) => errors.length > 0);
    if (wrong.length > 0)
      throw new CliError('EREFUSED', `${args.file}: labels that cannot be followed, of ${wrong.map(({ id }) => id).join(', ')}`);
  }
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(file === '-' ? await text(process.stdin) : await readFile(file, 'utf8'));
  } catch (error) {
    throw new CliError('EREFUSED', `${file}: ${(error as Error).message}`, { cause: error });
  }
}
