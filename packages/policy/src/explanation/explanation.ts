import type { Direction } from '@weir/resources';
import type { NetworkSets } from '../peers/network-sets.ts';
import { type Flow, parseFlow } from '../program/flow.ts';
import type { IndexedPolicy, PolicyIndex } from '../program/policy-index.ts';
import type { PolicyName } from '../program/policy-rule.ts';
import { type AtHost, type Decision, endsOf, type Judges, judgeAtHost, judgeStep, type Step } from './decision.ts';
import { actionOf, type Criterion, mismatches, type Trial } from './rule-trial.ts';

/** A decision with the whole way to it. */
export interface Explanation extends Decision {
  steps: ExplainedStep[];
  /** The CIDR of a private pool that the source may not reach, whatever policy says. */
  privatePool?: string;
}

/** One end. */
export interface ExplainedStep extends Step {
  direction: Direction;
  /** Tiers whose policies select the endpoint, in order, those behind the decision included. */
  tiers: VisitedTier[];
}

export interface VisitedTier {
  tier: string;
  /** What it does with what none of its rules decides; absent if there is no such tier. */
  defaultAction?: 'Deny' | 'Pass';
  policies: VisitedPolicy[];
}

export interface VisitedPolicy {
  policy: PolicyName;
  /** Calculated, not enforced. */
  staged: boolean;
  /** It cannot be read, and so closes the endpoint. */
  invalid: boolean;
  rules: TriedRule[];
}

export interface TriedRule {
  /** Position among the policy's rules of that direction, from 0. */
  index: number;
  action: 'Allow' | 'Deny' | 'Log' | 'Pass';
  /** Empty where the rule matches. */
  mismatches: Criterion[];
  /** Whether the flow gets as far as this rule. */
  isReached: boolean;
}

/** @throws PolicyError EFLOW */
export function explain(flow: Flow, judges: Judges & { policies: PolicyIndex; networks: NetworkSets }): Explanation {
  const parsed = parseFlow(flow);
  const steps = (['Egress', 'Ingress'] as const).flatMap((direction): ExplainedStep[] => {
    const step = judgeStep(parsed, direction, judges);
    const found = judges.enforcedAt(endsOf(parsed, direction).local, direction);
    if (step === undefined || found === undefined) return [];
    const { member, object } = found.endpoint;
    const isWaiting = object.kind === 'Endpoint' && object.spec.waitsForLabels === true;
    const trial = { flow: parsed, direction, member, membership: judges.membership };
    return [{ direction, ...step, tiers: visitedTiers(judges, trial, { isWaiting }) }];
  });
  const privatePool = judges.networks.isOfCluster(parsed.source) ? undefined : judges.networks.privatePool(parsed.destination);
  const decisive = steps.find(({ verdict }) => verdict === 'Deny') ?? steps.at(-1);
  const { because } = decisive ?? { because: { default: 'no local endpoint' as const } };
  const isDenied = privatePool !== undefined || decisive?.verdict === 'Deny';
  return { verdict: isDenied ? 'Deny' : 'Allow', because, steps, ...(privatePool !== undefined && { privatePool }) };
}

/**
 * What a host endpoint says of a flow, with every policy and rule on the way; undefined where none is asked.
 *
 * @throws PolicyError EFLOW
 */
export function explainAtHost(flow: Flow, at: AtHost, judges: Judges & { policies: PolicyIndex }): ExplainedStep | undefined {
  const parsed = parseFlow(flow);
  const { hostEndpoint, direction, forwarded } = at;
  const { local } = endsOf(parsed, direction);
  const step = judgeAtHost(parsed, at, judges);
  const found = judges.hostEnforced(hostEndpoint, direction, local, { forwarded });
  if (step === undefined || found === undefined) return undefined;
  const { member } = found.endpoint;
  const isUntold = forwarded || !member.addresses.includes(local);
  const trial = { flow: parsed, direction, member, isUntold, membership: judges.membership };
  return { direction, ...step, tiers: visitedTiers(judges, trial, { forwarded }) };
}

function visitedTiers({ policies }: { policies: PolicyIndex }, trial: Trial, { forwarded = false, isWaiting = false } = {}): VisitedTier[] {
  const { member, direction } = trial;
  const selecting = policies.policiesOf(member, direction).filter(({ applyOnForward }) => !forwarded || applyOnForward);
  const enforced = selecting.filter(({ staged }) => !staged);
  // A policy that cannot be in force closes its endpoints, whatever the others say.
  let isDecided =
    isWaiting ||
    enforced.some((policy) => policy.isInvalid || policies.tier(policy.tier) === undefined || policies.isBlind(policy, direction));
  return policies.inOrder(new Set(selecting.map(({ tier }) => tier))).map((name) => {
    const own = selecting.filter(({ tier }) => tier === name);
    const defaultAction = policies.tier(name)?.defaultAction;
    let isPassed = false;
    const visited = own.map((policy): VisitedPolicy => {
      const rules = triedRules(policy, trial).map((rule): TriedRule => {
        const isReached = !policy.staged && !isDecided && !isPassed;
        if (isReached && rule.mismatches.length === 0) {
          if (rule.action === 'Pass') isPassed = true;
          else if (rule.action !== 'Log') isDecided = true;
        }
        return { ...rule, isReached };
      });
      return { policy: policy.name, staged: policy.staged, invalid: policy.isInvalid, rules };
    });
    if (defaultAction === 'Deny' && !isPassed && own.some(({ staged }) => !staged)) isDecided = true;
    return { tier: name, ...(defaultAction !== undefined && { defaultAction }), policies: visited };
  });
}

/** One that is several, for a service, matches where one of them does. */
function triedRules({ rules }: IndexedPolicy, trial: Trial): Omit<TriedRule, 'isReached'>[] {
  const tried = (rules[trial.direction] ?? []).map((rule) => ({
    index: rule.index,
    action: actionOf(rule, trial),
    mismatches: mismatches(rule, trial),
  }));
  return [...Map.groupBy(tried, ({ index }) => index).values()].map((parts) =>
    parts.reduce((best, part) => (part.mismatches.length < best.mismatches.length ? part : best)),
  );
}
