import { all, among, type Comparison, compare, global, has, join, not, type Selector } from './selector.ts';
import { SelectorError } from './selector-error.ts';
import { EXPECTED_OPERATOR, type Token, tokenize } from './tokenize.ts';

/** Brackets nest no deeper: beyond it a crafted text would exhaust the stack. */
const MAXIMUM_DEPTH = 100;

const COMPARISONS: ReadonlySet<string> = new Set<Comparison>(['==', '!=', 'contains', 'starts with', 'ends with']);

/**
 * Parses a selector of Calico's language. Empty text means `all()`.
 *
 * ```
 * selector := "" | or
 * or       := and ("||" and)*
 * and      := operand ("&&" operand)*
 * operand  := "!"* ( "has(" label ")" | "all()" | "global()" | label comparison string | label ("in" | "not in") set | "(" or ")" )
 * set      := "{" [ string ("," string)* [","] ] "}"
 * ```
 *
 * @throws SelectorError with the position of the fault
 */
export function parseSelector(text: string): Selector {
  const tokens = tokenize(text);
  let index = 0;
  let depth = 0;

  const peek = (): Token => tokens[index]!;
  const take = (): Token => tokens[index++]!;
  const fail = (problem: string): never => {
    throw new SelectorError(text, peek().position, problem);
  };

  const joined = (kind: 'and' | 'or', sign: '&&' | '||', operand: () => Selector): Selector => {
    const operands = [operand()];
    while (peek().kind === sign) {
      take();
      operands.push(operand());
    }
    return join(kind, operands);
  };
  const or = (): Selector => joined('or', '||', and);
  const and = (): Selector => joined('and', '&&', operand);

  const operand = (): Selector => {
    let negated = false;
    while (peek().kind === '!') {
      take();
      negated = !negated;
    }
    const selector = primary();
    return negated ? not(selector) : selector;
  };

  const primary = (): Selector => {
    const token = peek();
    switch (token.kind) {
      case 'all()':
        take();
        return all();
      case 'global()':
        take();
        return global();
      case 'has(':
        take();
        return has(token.text);
      case 'label':
        take();
        return condition(token.text);
      case '(':
        return bracketed();
      default:
        return fail('expected a label, has(…), all(), "!" or "("');
    }
  };

  const bracketed = (): Selector => {
    depth += 1;
    if (depth > MAXIMUM_DEPTH) fail(`brackets nest deeper than ${MAXIMUM_DEPTH}`);
    take();
    const selector = or();
    if (peek().kind !== ')') fail('expected ")", "&&" or "||"');
    take();
    depth -= 1;
    return selector;
  };

  const condition = (label: string): Selector => {
    const operator = peek();
    if (operator.kind === 'in' || operator.kind === 'not in') {
      take();
      return among(label, operator.kind, set());
    }
    if (!COMPARISONS.has(operator.kind)) fail(EXPECTED_OPERATOR);
    take();
    return compare(label, operator.kind as Comparison, string());
  };

  const string = (): string => {
    const token = peek();
    if (token.kind !== 'string') return fail('expected a string in quotes');
    take();
    return token.text;
  };

  const set = (): string[] => {
    if (peek().kind !== '{') fail('expected a set such as {"a", "b"}');
    take();
    const values: string[] = [];
    while (peek().kind !== '}') {
      values.push(string());
      if (peek().kind === ',') take();
      else if (peek().kind !== '}') fail('expected "," or "}"');
    }
    take();
    return values;
  };

  if (peek().kind === 'end') return all();
  const selector = or();
  if (peek().kind !== 'end') fail('expected "&&", "||" or the end');
  return selector;
}

/** Whether `global()` stands anywhere in the selector. */
export function mentionsGlobal(selector: Selector): boolean {
  return mentions(selector, ({ kind }) => kind === 'global');
}

/** Whether a selector says anything of a label. */
export function mentionsLabel(selector: Selector, label: string): boolean {
  return mentions(selector, (term) => 'label' in term && term.label === label);
}

function mentions(selector: Selector, isMeant: (term: Selector) => boolean): boolean {
  switch (selector.kind) {
    case 'not':
      return mentions(selector.operand, isMeant);
    case 'and':
    case 'or':
      return selector.operands.some((operand) => mentions(operand, isMeant));
    default:
      return isMeant(selector);
  }
}
