export { type BaseOptions, baseTable, type TunnelPackets } from './base-table.ts';
export { bridgeTable } from './bridge-table.ts';
export { type DataplaneChange, PolicyCalculator } from './calculator.ts';
export type { Because, Decision, Default, Reason, RuleName, Step } from './decision.ts';
export { DNS_QUEUE } from './dns-clients.ts';
export { endpointRules, ruleDrift } from './endpoint-drift.ts';
export type { ExplainedStep, Explanation, TriedRule, VisitedPolicy, VisitedTier } from './explanation.ts';
export type { BaseTable } from './fixed-table.ts';
export type { Flow } from './flow.ts';
export { isHostPlace, placeOf } from './local-endpoint.ts';
export { DENIALS, type Denial, type LogCause, PACKET_LOG_GROUP, parseLogPrefix } from './packet-log.ts';
export type { Party } from './parties.ts';
export { PolicyError } from './policy-error.ts';
export type { PolicyName } from './policy-rule.ts';
export { isUnchanged, type Participant, participants, type Reach, reach } from './reach.ts';
export { type ActualTable, readTable } from './read-table.ts';
export { type Rule, type RuleExpression, ruleText } from './rule.ts';
export type { Criterion } from './rule-trial.ts';
export { type ServiceSocket, targetText } from './service-statements.ts';
export type { UdpSockets } from './services.ts';
export {
  type ChainStatement,
  difference,
  type ElementStatement,
  type KeyField,
  type MapStatement,
  type Statement,
  sameStatement,
  statementKey,
  type Verdict,
} from './statement.ts';
export type { AllowedTraffic } from './traffic-class.ts';
export { trafficText } from './traffic-text.ts';
