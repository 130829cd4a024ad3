import { z } from 'zod';
import { acrossFields, failed, field, oneOf, type Report } from '../field.ts';
import { type Rule, ruleSchema } from '../rule/rule.ts';
import { selectorText } from '../selector/field.ts';
import { ValidationError } from '../validation-error.ts';

export type Direction = 'Ingress' | 'Egress';

/**
 * Which traffic the endpoints that `selector` takes may have.
 *
 * An endpoint that some policy selects in a direction may have only what its policies allow in that direction; with none, its namespace's
 * `defaultAction` holds. Policies are asked by rising `order`, those without last, equal ones by name; within one, rule by rule.
 */
export interface PolicySpec {
  /** Lower is asked first. */
  order?: number;
  /** Labels of the endpoints that the policy is for; in a Policy those of its own namespace. Default `all()`. */
  selector: string;
  /** Directions that the policy is for. Default: those that it has rules for, Ingress if it has none. */
  types: Direction[];
  /** Traffic to the endpoints: `source` is the other end. */
  ingress: Rule[];
  /** Traffic from the endpoints: `destination` is the other end. */
  egress: Rule[];
}

/** Fields that both kinds of policy have. */
export const policyFields = {
  order: field(parseOrder).optional(),
  selector: selectorText({ empty: 'all()' }).prefault('all()'),
  types: z.array(oneOf('Ingress', 'Egress')).optional(),
  ingress: z.array(ruleSchema).prefault([]),
  egress: z.array(ruleSchema).prefault([]),
};

export const policySpecSchema: z.ZodType<PolicySpec> = acrossFields(z.strictObject(policyFields), checkTypes).transform(withTypes);

function parseOrder(value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw ValidationError.of(value, 'is no order', 'expected a number; lower is asked first');
}

/** Rules of a direction that `types` leaves out would be dead, and their writer thinks otherwise. */
export function checkTypes(spec: { types?: Direction[]; ingress?: Rule[]; egress?: Rule[] }, report: Report): void {
  if (!Array.isArray(spec.types) || spec.types.length === 0 || spec.types.some(failed)) return;
  for (const [type, rules] of [['Ingress', 'ingress'] as const, ['Egress', 'egress'] as const]) {
    if (!spec.types.includes(type) && Array.isArray(spec[rules]) && spec[rules].length > 0) {
      report(['types'], `${JSON.stringify(spec.types)} leaves out ${type}, and there are ${rules} rules: add ${type} or remove the rules`);
    }
  }
}

/** Fills in `types` by Calico's rule, and puts them in one order. */
export function withTypes<T extends { types?: Direction[]; ingress: Rule[]; egress: Rule[] }>(spec: T) {
  const { types, ingress, egress, ...rest } = spec;
  const given = new Set(types);
  if (given.size === 0) {
    if (egress.length > 0) given.add('Egress');
    if (ingress.length > 0 || egress.length === 0) given.add('Ingress');
  }
  const directions = (['Ingress', 'Egress'] as const).filter((direction) => given.has(direction));
  return { ...rest, types: directions as Direction[], ingress, egress };
}
