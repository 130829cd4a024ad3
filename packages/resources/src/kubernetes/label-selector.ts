import { z } from 'zod';
import { parseLabelKey, parseLabelValue } from '../metadata.ts';
import { MAXIMUM_SELECTOR_LENGTH } from '../selector/field.ts';
import { formatSelector } from '../selector/format.ts';
import { all, among, compare, has, join, not, type Selector } from '../selector/selector.ts';
import { acrossFields, entries, failed, field, oneOf } from '../validation/field.ts';
import type { LabelOperator, LabelSelector } from './network-policy.ts';

const expressionSchema = acrossFields(
  z.strictObject({
    key: field(parseLabelKey),
    operator: oneOf('In', 'NotIn', 'Exists', 'DoesNotExist'),
    values: z.array(field(parseLabelValue)).nullish(),
  }),
  ({ operator, values }, report) => {
    if (failed(operator) || failed(values)) return;
    const count = Array.isArray(values) ? values.length : 0;
    if ((operator === 'In' || operator === 'NotIn') && count === 0) report(['values'], `${operator} needs at least one value`);
    if ((operator === 'Exists' || operator === 'DoesNotExist') && count > 0)
      report(['values'], `${operator} takes no values: leave the field out`);
  },
);

/** Schema of a Kubernetes LabelSelector; its output is the text of a selector of ours. */
export const labelSelectorSchema = z
  .strictObject({ matchLabels: entries(parseLabelKey, parseLabelValue).optional(), matchExpressions: z.array(expressionSchema).nullish() })
  .transform(({ matchLabels = {}, matchExpressions }, context) => {
    const terms: Selector[] = Object.entries(matchLabels).map(([key, value]) => compare(key, '==', value));
    for (const { key, operator, values } of matchExpressions ?? []) terms.push(fromExpression(key, operator, values ?? []));
    const text = formatSelector(terms.length === 0 ? all() : join('and', terms));
    if (text.length > MAXIMUM_SELECTOR_LENGTH) {
      const message = `as a selector this is ${text.length} characters long: allowed are ${MAXIMUM_SELECTOR_LENGTH}`;
      context.addIssue({ code: 'custom', message });
    }
    return text;
  });

function fromExpression(key: string, operator: LabelOperator, values: string[]): Selector {
  switch (operator) {
    case 'In':
      return among(key, 'in', values);
    case 'NotIn':
      return among(key, 'not in', values);
    case 'Exists':
      return has(key);
    case 'DoesNotExist':
      return not(has(key));
  }
}

/**
 * A selector as a Kubernetes LabelSelector, which can say only that all of several tests of single labels hold.
 * A string says why it cannot be expressed.
 */
export function toLabelSelector(selector: Selector): LabelSelector | string {
  const matchLabels: Record<string, string> = {};
  const matchExpressions: NonNullable<LabelSelector['matchExpressions']> = [];
  for (const term of selector.kind === 'and' ? selector.operands : [selector]) {
    if (term.kind === 'all') continue;
    const expression = toExpression(term);
    if (expression === undefined) return `Kubernetes' label selectors cannot say ${formatSelector(term)}`;
    const fault = [expression.key, ...(expression.values ?? [])].find((text, index) => !(index === 0 ? KEY : VALUE).test(text));
    if (fault !== undefined) return `${JSON.stringify(fault)} is no label that Kubernetes allows`;
    if (term.kind === '==' && !Object.hasOwn(matchLabels, term.label)) matchLabels[term.label] = term.value;
    else matchExpressions.push(expression);
  }
  return {
    ...(Object.keys(matchLabels).length > 0 && { matchLabels }),
    ...(matchExpressions.length > 0 && { matchExpressions }),
  };
}

/** Kubernetes' forms of label names and values: apimachinery's IsQualifiedName and IsValidLabelValue. */
const KEY = /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;
const VALUE = /^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/;

function toExpression(term: Selector): NonNullable<LabelSelector['matchExpressions']>[number] | undefined {
  const negated = term.kind === 'not';
  const test = negated ? term.operand : term;
  switch (test.kind) {
    case 'has':
      return { key: test.label, operator: negated ? 'DoesNotExist' : 'Exists' };
    case '==':
    case '!=':
      return { key: test.label, operator: (test.kind === '==') === negated ? 'NotIn' : 'In', values: [test.value] };
    case 'in':
    case 'not in':
      if (test.values.length === 0) return undefined;
      return { key: test.label, operator: (test.kind === 'in') === negated ? 'NotIn' : 'In', values: [...test.values] };
    default:
      return undefined;
  }
}
