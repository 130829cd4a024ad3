import { z } from 'zod';
import { acrossFields } from '../field.ts';
import { selectorText } from '../selector/field.ts';
import { checkTypes, completed, type PolicySpec, policyFields } from './policy.ts';

/** A policy for endpoints of all namespaces, or of those whose labels `namespaceSelector` takes. Peer selectors span all namespaces too. */
export interface GlobalPolicySpec extends PolicySpec {
  namespaceSelector?: string;
}

const { tier, staged, order, selector, ...rest } = policyFields;

export const globalPolicySpecSchema: z.ZodType<GlobalPolicySpec> = acrossFields(
  z.strictObject({ tier, staged, order, selector, namespaceSelector: selectorText({ empty: 'refused' }).optional(), ...rest }),
  checkTypes,
).transform(completed);
