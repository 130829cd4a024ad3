import type { Selector } from './selector.ts';

/**
 * The canonical text: one blank around operators, brackets only where precedence needs them or `!` would be read wrong.
 * `parseSelector(formatSelector(x))` equals `x`.
 *
 * @throws RangeError for a value that holds both kinds of quotes, which the language cannot write and the parser never makes
 */
export function formatSelector(selector: Selector): string {
  switch (selector.kind) {
    case 'all':
    case 'global':
      return `${selector.kind}()`;
    case 'has':
      return `has(${selector.label})`;
    case '==':
    case '!=':
    case 'contains':
    case 'starts with':
    case 'ends with':
      return `${selector.label} ${selector.kind} ${quote(selector.value)}`;
    case 'in':
    case 'not in':
      return `${selector.label} ${selector.kind} {${selector.values.map(quote).join(', ')}}`;
    case 'not': {
      const operand = formatSelector(selector.operand);
      return /^(has|all|global)$/.test(selector.operand.kind) ? `!${operand}` : `!(${operand})`;
    }
    case 'and':
      return selector.operands
        .map((operand) => (operand.kind === 'or' ? `(${formatSelector(operand)})` : formatSelector(operand)))
        .join(' && ');
    case 'or':
      return selector.operands.map(formatSelector).join(' || ');
  }
}

function quote(value: string): string {
  if (!value.includes('"')) return `"${value}"`;
  if (!value.includes("'")) return `'${value}'`;
  throw new RangeError(`a selector cannot hold ${JSON.stringify(value)}: it has both kinds of quotes`);
}
