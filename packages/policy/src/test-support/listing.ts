import { ruleText } from '../statements/rule.ts';
import type { Statement } from '../statements/statement.ts';
import { elementText, intervalElements } from '../statements/table-text.ts';

/**
 * The statements as an operator would type them, for goldens. The hashes in names, which follow from the rules, are numbered in order of
 * appearance: `g_1`, `p_1_a`.
 */
export function listing(statements: Iterable<Statement>): string {
  const lines = [...statements].flatMap((statement): string[] => {
    if (statement.kind === 'map')
      return [
        `${statement.type.includes(' : ') ? 'map' : 'set'} ${statement.name} { type ${statement.type};${statement.interval ? ' flags interval;' : ''} }`,
      ];
    if (statement.kind === 'chain') return [`chain ${statement.name}`, ...statement.rules.map((rule) => `  ${ruleText(rule)}`)];
    if (statement.kind === 'rules') return [`rules ${statement.chain}`, ...(statement.rules ?? []).map((rule) => `  ${ruleText(rule)}`)];
    if (statement.kind === 'intervals')
      return intervalElements(statement).map((element) => `element ${element.set} { ${elementText(element)} }`);
    return [`element ${statement.set} { ${elementText(statement)} }`];
  });
  const numbers = new Map<string, number>();
  return lines.join('\n').replace(/\b([cglmnps])_([0-9a-f]{20})/g, (_, kind: string, hash: string) => {
    const same = [...numbers.keys()].filter((key) => key.startsWith(kind)).length;
    const number = numbers.get(kind + hash) ?? same + 1;
    numbers.set(kind + hash, number);
    return `${kind}_${number}`;
  });
}
