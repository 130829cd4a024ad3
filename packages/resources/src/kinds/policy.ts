import { z } from 'zod';
import { NAMES } from '../metadata.ts';
import { type Rule, ruleSchema } from '../rule/rule.ts';
import { selectorText } from '../selector/field.ts';
import { acrossFields, failed, field, oneOf, type Report, text } from '../validation/field.ts';
import { ValidationError } from '../validation/validation-error.ts';
import { DEFAULT_TIER } from './tier-name.ts';

export type Direction = 'Ingress' | 'Egress';

/**
 * Which traffic the endpoints that `selector` takes may have.
 *
 * Tiers are asked in their order; within one its policies by rising `order`, those without last, equal ones by name; within one, rule by rule.
 * Where a tier's policies decide nothing its `defaultAction` does; where no tier does, what the endpoint's namespace and network say.
 */
export interface PolicySpec {
  /** Name of the Tier that the policy belongs to; absent: `default`. See {@link tierOf}. */
  tier?: string;
  /** Calculated, but not enforced: what it would do can be seen before it does. */
  staged?: true;
  /** Lower is asked first, within the tier. */
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
  tier: text({ ...NAMES.chosen, what: 'name of a tier' }).optional(),
  staged: z.boolean().optional(),
  order: field(parseOrder, { type: 'number' }).optional(),
  selector: selectorText({ empty: 'all()' }).prefault('all()'),
  types: z.array(oneOf('Ingress', 'Egress')).optional(),
  ingress: z.array(ruleSchema).prefault([]),
  egress: z.array(ruleSchema).prefault([]),
};

export const policySpecSchema: z.ZodType<PolicySpec> = acrossFields(z.strictObject(policyFields), checkDirections).transform(completed);

/** Name of the tier that a policy belongs to. */
export function tierOf({ tier }: Pick<PolicySpec, 'tier'>): string {
  return tier ?? DEFAULT_TIER;
}

export function parseOrder(value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw ValidationError.of(value, 'is no order', 'expected a number; lower is asked first');
}

export function checkDirections(spec: { types?: Direction[]; ingress?: Rule[]; egress?: Rule[] }, report: Report): void {
  checkTypes(spec, report);
  checkServices(spec, report);
  if (!Array.isArray(spec.ingress)) return;
  for (const [index, rule] of spec.ingress.entries()) {
    if (failed(rule) || rule.destination?.domains === undefined) continue;
    report(['ingress', index, 'destination', 'domains'], 'only rules of egress have domains: use "nets" or a selector');
  }
}

/** Of its own end a policy knows by its selector whom it is for. */
function checkServices(spec: { ingress?: Rule[]; egress?: Rule[] }, report: Report): void {
  for (const [direction, own, far] of [['ingress', 'destination', 'source'] as const, ['egress', 'source', 'destination'] as const]) {
    if (!Array.isArray(spec[direction])) continue;
    for (const [index, rule] of spec[direction].entries()) {
      if (failed(rule) || rule[own]?.services === undefined) continue;
      report([direction, index, own, 'services'], `rules of ${direction} have services of their ${far}: use the policy's selector`);
    }
  }
}

/** Rules of a direction that `types` leaves out would be dead, and their writer thinks otherwise. */
function checkTypes(spec: { types?: Direction[]; ingress?: Rule[]; egress?: Rule[] }, report: Report): void {
  if (!Array.isArray(spec.types) || spec.types.length === 0 || spec.types.some(failed)) return;
  for (const [type, rules] of [['Ingress', 'ingress'] as const, ['Egress', 'egress'] as const]) {
    if (!spec.types.includes(type) && Array.isArray(spec[rules]) && spec[rules].length > 0) {
      report(['types'], `${JSON.stringify(spec.types)} leaves out ${type}, and there are ${rules} rules: add ${type} or remove the rules`);
    }
  }
}

/** Fills in `types` by Calico's rule, and puts them in one order; what says the default is left out. */
export function completed<T extends { tier?: string; staged?: boolean; types?: Direction[]; ingress: Rule[]; egress: Rule[] }>(spec: T) {
  const { tier, staged, types, ingress, egress, ...rest } = spec;
  const given = new Set(types);
  if (given.size === 0) {
    if (egress.length > 0) given.add('Egress');
    if (ingress.length > 0 || egress.length === 0) given.add('Ingress');
  }
  const directions = (['Ingress', 'Egress'] as const).filter((direction) => given.has(direction));
  return {
    ...(tier !== undefined && tier !== DEFAULT_TIER && { tier }),
    ...(staged === true && { staged }),
    ...rest,
    types: directions as Direction[],
    ingress,
    egress,
  };
}
