import type { Hook } from '@oclif/core';
import { closest, distance } from 'fastest-levenshtein';
import { CliError } from '../cli-error.ts';

/** `weir aply` → "did you mean weir apply?" */
const commandNotFound: Hook<'command_not_found'> = async ({ id, config }) => {
  const said = id.replaceAll(':', ' ');
  const known = config.commands.filter((command) => !command.hidden).map((command) => command.id.replaceAll(':', ' '));
  const meant = closest(said, known);
  const hint = distance(said, meant) > meant.length / 3 ? 'weir --help lists the commands' : `did you mean ${config.bin} ${meant}?`;
  throw new CliError('EUSAGE', `there is no command ${JSON.stringify(said)}: ${hint}`);
};

export default commandNotFound;
