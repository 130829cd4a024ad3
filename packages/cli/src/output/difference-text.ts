import { styleText } from 'node:util';
import type { DifferenceLine } from '../objects/difference.ts';

const MARKS: Readonly<Record<DifferenceLine['type'], string>> = { added: '+ ', removed: '- ', kept: '  ', gap: '…' };

/** Below the line that names the object; in colours where stdout is a terminal that shows them. */
export function formatDifference(lines: readonly DifferenceLine[]): string {
  return lines.map(({ type, text }) => `${coloured(type, `  ${MARKS[type]}${text}`.trimEnd())}\n`).join('');
}

function coloured(type: DifferenceLine['type'], line: string): string {
  if (type === 'kept' || type === 'gap') return line;
  return styleText(type === 'added' ? 'green' : 'red', line, { stream: process.stdout });
}
