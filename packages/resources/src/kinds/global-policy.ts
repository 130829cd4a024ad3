import { z } from 'zod';
import type { Rule } from '../rule/rule.ts';
import { selectorText } from '../selector/field.ts';
import { acrossFields, failed, type Report } from '../validation/field.ts';
import { checkDirections, completed, type PolicySpec, policyFields } from './policy.ts';

/** A policy for endpoints of all namespaces, or of those whose labels `namespaceSelector` takes. Peer selectors span all namespaces too. */
export interface GlobalPolicySpec extends PolicySpec {
  namespaceSelector?: string;
  /** At HostEndpoints it is for packets that pass through the host as well, not only for those of the host's own processes. */
  applyOnForward?: true;
}

const { tier, staged, order, selector, ...rest } = policyFields;

export const globalPolicySpecSchema: z.ZodType<GlobalPolicySpec> = acrossFields(
  z.strictObject({
    tier,
    staged,
    order,
    selector,
    namespaceSelector: selectorText({ empty: 'refused' }).optional(),
    applyOnForward: z.boolean().optional(),
    ...rest,
  }),
  (spec, report) => {
    checkDirections(spec, report);
    checkForward(spec, report);
    checkServices(spec, report);
  },
).transform(({ applyOnForward, ...spec }) => ({ ...completed(spec), ...(applyOnForward === true && { applyOnForward }) }));

/** It is in no namespace that could be meant where none is said. */
function checkServices(spec: { ingress?: Rule[]; egress?: Rule[] }, report: Report): void {
  for (const [field, end] of [['ingress', 'source'] as const, ['egress', 'destination'] as const]) {
    if (!Array.isArray(spec[field])) continue;
    for (const [index, rule] of spec[field].entries()) {
      const services = failed(rule) ? undefined : rule[end]?.services;
      if (services !== undefined && services.namespace === undefined)
        report([field, index, end, 'services', 'namespace'], 'is missing: a GlobalPolicy is in no namespace, so say that of the service');
    }
  }
}

const ADDRESS_CRITERIA = ['nets', 'notNets', 'selector', 'notSelector', 'namespaceSelector'] as const;

/** What passes through is not for the host: its other end is somebody's whom the policy is not for. */
function checkForward(spec: { applyOnForward?: boolean; ingress?: Rule[]; egress?: Rule[] }, report: Report): void {
  if (spec.applyOnForward !== true) return;
  for (const [field, end] of [['ingress', 'destination'] as const, ['egress', 'source'] as const]) {
    if (!Array.isArray(spec[field])) continue;
    for (const [index, rule] of spec[field].entries()) {
      const named = failed(rule) ? undefined : ADDRESS_CRITERIA.find((criterion) => rule[end]?.[criterion] !== undefined);
      if (named === undefined) continue;
      report([field, index, end, named], `cannot be told with applyOnForward: ${field} rules say who the other end is, ports of both`);
    }
  }
}
