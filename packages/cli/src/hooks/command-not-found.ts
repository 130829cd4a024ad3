import type { Hook, Interfaces } from '@oclif/core';
import { closest, distance } from 'fastest-levenshtein';
import { CliError } from '../cli-error.ts';

/** Changed letters: two, for letters that changed places. */
const NEAR = 2;

/** `weir aply -f x.yaml` → `did you mean weir apply?` */
const commandNotFound: Hook<'command_not_found'> = async ({ id, config }) => {
  const said = id.split(':');
  if (said[0]!.startsWith('-')) throw new CliError('EUSAGE', `${said[0]} stands before the command: flags come after it`);
  const known = config.commands.filter((command) => !command.hidden).map((command) => command.id.split(':'));
  // oclif takes every word before the first flag for part of the command: `get pools` mistyped is `gte:pools`.
  const [command] = known
    .filter((words) => words.length < said.length && words.every((word, index) => word === said[index]))
    .sort((left, right) => right.length - left.length);
  if (command !== undefined) throw surplus(said.slice(command.length).join(':'), command, config);
  const near = known.flatMap((words) => {
    const name = words.join(' ');
    return distance(said.slice(0, words.length).join(' '), name) <= NEAR ? [name] : [];
  });
  const hint =
    near.length === 0 ? `${config.bin} --help lists the commands` : `did you mean ${config.bin} ${closest(said.join(' '), near)}?`;
  throw new CliError('EUSAGE', `there is no command ${JSON.stringify(said.join(' '))}: ${hint}`);
};

/** `weir apply x.yaml`: a command that is there, and takes no words. */
function surplus(word: string, command: readonly string[], { bin, commands }: Interfaces.Config): CliError {
  const name = `${bin} ${command.join(' ')}`;
  const takesFiles = commands.find(({ id }) => id === command.join(':'))?.flags.filename !== undefined;
  return new CliError(
    'EUSAGE',
    `${name} does not take ${JSON.stringify(word)}: ${takesFiles ? `name files with -f` : `see ${name} --help`}`,
  );
}

export default commandNotFound;
