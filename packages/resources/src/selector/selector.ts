/**
 * A parsed selector: a frozen tree. The parser makes no `and` within `and`, no `or` within `or`, no `not` of a `not`; values of sets are
 * sorted and free of doubles. So equal trees mean equal canonical text.
 */
export type Selector =
  | { readonly kind: 'all' }
  | { readonly kind: 'global' }
  | { readonly kind: 'has'; readonly label: string }
  | { readonly kind: '==' | '!=' | 'contains' | 'starts with' | 'ends with'; readonly label: string; readonly value: string }
  | { readonly kind: 'in' | 'not in'; readonly label: string; readonly values: readonly string[] }
  | { readonly kind: 'not'; readonly operand: Selector }
  | { readonly kind: 'and' | 'or'; readonly operands: readonly Selector[] };

/** Operators that compare a label with one literal. */
export type Comparison = '==' | '!=' | 'contains' | 'starts with' | 'ends with';

export function all(): Selector {
  return Object.freeze({ kind: 'all' });
}

export function global(): Selector {
  return Object.freeze({ kind: 'global' });
}

export function has(label: string): Selector {
  return Object.freeze({ kind: 'has', label });
}

export function compare(label: string, kind: Comparison, value: string): Selector {
  return Object.freeze({ kind, label, value });
}

export function among(label: string, kind: 'in' | 'not in', values: Iterable<string>): Selector {
  return Object.freeze({ kind, label, values: Object.freeze([...new Set(values)].sort()) });
}

/** The opposite; that of a `not` is what it negates. */
export function not(operand: Selector): Selector {
  return operand.kind === 'not' ? operand.operand : Object.freeze({ kind: 'not', operand });
}

/** Joins selectors; nested joins of the same kind become one, a join of one is that one. */
export function join(kind: 'and' | 'or', operands: readonly Selector[]): Selector {
  const flat = operands.flatMap((operand) => (operand.kind === kind ? operand.operands : [operand]));
  if (flat.length === 0) throw new RangeError(`"${kind}" needs an operand`);
  return flat.length === 1 ? flat[0]! : Object.freeze({ kind, operands: Object.freeze(flat) });
}
