import type { Hook } from '@oclif/core';
import { closest, distance } from 'fastest-levenshtein';
import { CliError } from '../cli-error.ts';

/** Changed letters: two, for letters that changed places. */
const NEAR = 2;

/** `weir aply -f x.yaml` → `did you mean weir apply?` */
const commandNotFound: Hook<'command_not_found'> = async ({ id, config }) => {
  const said = id.split(':');
  const known = config.commands.filter((command) => !command.hidden).map((command) => command.id.split(':'));
  // oclif takes every word before the first flag for part of the command: `get pools` mistyped is `gte:pools`.
  const near = known.flatMap((words) => {
    const name = words.join(' ');
    return distance(said.slice(0, words.length).join(' '), name) <= NEAR ? [name] : [];
  });
  const hint =
    near.length === 0 ? `${config.bin} --help lists the commands` : `did you mean ${config.bin} ${closest(said.join(' '), near)}?`;
  throw new CliError('EUSAGE', `there is no command ${JSON.stringify(said.join(' '))}: ${hint}`);
};

export default commandNotFound;
