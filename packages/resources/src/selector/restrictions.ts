import type { Comparison, Selector } from './selector.ts';

/** What a label has to be for a selector to match at all. */
export interface LabelRestriction {
  present?: true;
  absent?: true;
  /** Implies `present`. Empty: nothing matches. */
  oneOf?: ReadonlySet<string>;
}

export type LabelRestrictions = ReadonlyMap<string, LabelRestriction>;

/**
 * Necessary conditions, label by label: labels that break one are not matched, so an index over labels may skip the selector.
 * Those that break none need not match. Exact for joins by `&&` of tests of presence and equality; for `||`, what all sides have in common.
 */
export function labelRestrictions(selector: Selector): LabelRestrictions {
  return restrictions(selector, false);
}

const NONE: LabelRestrictions = new Map();

function restrictions(selector: Selector, negated: boolean): LabelRestrictions {
  switch (selector.kind) {
    case 'all':
    case 'global':
      return NONE;
    case 'has':
      return only(selector.label, negated ? { absent: true } : { present: true });
    case 'not':
      return restrictions(selector.operand, !negated);
    case 'and':
    case 'or': {
      const parts = selector.operands.map((operand) => restrictions(operand, negated));
      // De Morgan: a negated "and" is the "or" of its negated parts.
      return parts.reduce((selector.kind === 'and') === negated ? either : both);
    }
    case 'in':
    case 'not in':
      return (selector.kind === 'in') === negated ? NONE : only(selector.label, { present: true, oneOf: new Set(selector.values) });
    default:
      return comparison(selector.kind, selector.label, selector.value, negated);
  }
}

function comparison(kind: Comparison, label: string, value: string, negated: boolean): LabelRestrictions {
  if ((kind === '!=') !== negated) return NONE;
  return only(label, kind === '==' || kind === '!=' ? { present: true, oneOf: new Set([value]) } : { present: true });
}

function only(label: string, restriction: LabelRestriction): LabelRestrictions {
  return new Map([[label, restriction]]);
}

function both(left: LabelRestrictions, right: LabelRestrictions): LabelRestrictions {
  const merged = new Map(left);
  for (const [label, added] of right) {
    const known = merged.get(label);
    const oneOf = known?.oneOf && added.oneOf ? known.oneOf.intersection(added.oneOf) : (known?.oneOf ?? added.oneOf);
    merged.set(label, { ...known, ...added, ...(oneOf && { oneOf }) });
  }
  return merged;
}

function either(left: LabelRestrictions, right: LabelRestrictions): LabelRestrictions {
  const shared = new Map<string, LabelRestriction>();
  for (const [label, one] of left) {
    const other = right.get(label);
    const restriction: LabelRestriction = {
      ...(one.present && other?.present && { present: true }),
      ...(one.absent && other?.absent && { absent: true }),
      ...(one.oneOf && other?.oneOf && { oneOf: one.oneOf.union(other.oneOf) }),
    };
    if (Object.keys(restriction).length > 0) shared.set(label, restriction);
  }
  return shared;
}
