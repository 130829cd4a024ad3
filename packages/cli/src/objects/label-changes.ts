import { CliError } from '../cli-error.ts';

export interface LabelChanges {
  set: Map<string, string>;
  remove: Set<string>;
}

/**
 * `run=web` sets, `run-` takes away, as with kubectl.
 * @throws CliError EUSAGE for anything else, and for a label that is both set and taken away
 */
export function parseLabelChanges(words: readonly string[]): LabelChanges {
  const changes: LabelChanges = { set: new Map(), remove: new Set() };
  for (const word of words) {
    const [, key, value] = /^([^=]+)=(.*)$/s.exec(word) ?? [];
    if (key !== undefined) changes.set.set(key, value!);
    else if (/^[^=]+-$/.test(word)) changes.remove.add(word.slice(0, -1));
    else
      throw new CliError('EUSAGE', `${JSON.stringify(word)} is no change of a label: expected key=value to set it or key- to take it away`);
  }
  for (const key of changes.remove) {
    if (changes.set.has(key)) throw new CliError('EUSAGE', `the label ${JSON.stringify(key)} is both set and taken away`);
  }
  if (changes.set.size + changes.remove.size === 0) {
    throw new CliError('EUSAGE', 'no change given: expected key=value to set a label or key- to take it away');
  }
  return changes;
}

/**
 * The labels after the changes.
 * @throws CliError EREFUSED when a label has another value already and `overwrite` is off
 */
export function changeLabels(
  labels: Record<string, string>,
  changes: LabelChanges,
  { overwrite }: { overwrite: boolean },
): Record<string, string> {
  const changed = new Map(Object.entries(labels));
  for (const [key, value] of changes.set) {
    const present = changed.get(key);
    if (present !== undefined && present !== value && !overwrite) {
      throw new CliError(
        'EREFUSED',
        `the label ${JSON.stringify(key)} is ${JSON.stringify(present)} already: give --overwrite to change it`,
      );
    }
    changed.set(key, value);
  }
  for (const key of changes.remove) changed.delete(key);
  return Object.fromEntries(changed);
}
