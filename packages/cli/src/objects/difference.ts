/** What a change makes of an object, as lines of YAML that go and come. */
import { type Entry, parseEntry } from '@weir/datastore';
import { structuredPatch } from 'diff';
import { stringify } from 'yaml';
import { plain } from '../output/object-output.ts';
import { printable } from '../output/printable.ts';

export interface DifferenceLine {
  /** `gap`: lines that stay are left out here. */
  type: 'added' | 'removed' | 'kept' | 'gap';
  text: string;
}

/** Of the lines that stay, those near the others. */
const CONTEXT_LINES = 3;

/** To find the fewest lines that differ takes as many steps as their number squared; nobody reads more of them than these. */
const MOST_LINES = 2_000;

/** Between two values of one key; an absent one has no lines. */
export function difference(before: Entry | undefined, after: Entry | undefined): DifferenceLine[] {
  const [old = '', wanted = ''] = [before, after].map((entry) => (entry === undefined ? '' : documentText(entry)));
  if (before === undefined) return linesOf(wanted).map((text) => ({ type: 'added', text: printable(text) }));
  const patch = structuredPatch('', '', old, wanted, undefined, undefined, { context: CONTEXT_LINES, maxEditLength: MOST_LINES });
  if (patch === undefined) {
    const counts = [old, wanted].map((text) => linesOf(text).length);
    return [{ type: 'gap', text: ` more than ${MOST_LINES} of its lines differ: of ${counts[0]} it becomes ${counts[1]}` }];
  }
  return patch.hunks.flatMap((hunk, index) => [
    ...(index === 0 && hunk.oldStart <= 1 ? [] : [{ type: 'gap', text: '' } as const]),
    ...hunk.lines.map((line): DifferenceLine => ({ type: TYPES[line[0]!] ?? 'kept', text: printable(line.slice(1)) })),
  ]);
}

const linesOf = (text: string): string[] => text.split('\n').slice(0, -1);

const TYPES: Readonly<Record<string, DifferenceLine['type']>> = { '+': 'added', '-': 'removed' };

/** As `weir get -o yaml` prints it; what is stored and is no valid object as it is. */
function documentText(entry: Entry): string {
  try {
    return stringify(plain(parseEntry(entry)), { lineWidth: 0, aliasDuplicateObjects: false });
  } catch {
    return `${entry.value}\n`;
  }
}
