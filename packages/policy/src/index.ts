export { type DataplaneChange, PolicyCalculator } from './calculator.ts';
export { DNS_QUEUE } from './endpoint/dns-clients.ts';
export { isHostPlace, placeOf } from './endpoint/local-endpoint.ts';
export type { AtHost, Because, Decision, Default, Reason, RuleName, Step } from './explanation/decision.ts';
export type { ExplainedStep, Explanation, TriedRule, VisitedPolicy, VisitedTier } from './explanation/explanation.ts';
export { isUnchanged, type Participant, type Passage, participants, type Reach, reach, type Site } from './explanation/reach.ts';
export type { Criterion } from './explanation/rule-trial.ts';
export { type BaseOptions, baseTable } from './fixed-tables/base-table.ts';
export { bridgeTable } from './fixed-tables/bridge-table.ts';
export { type Muted, mutedRules, RATES_OF_FLOODS } from './fixed-tables/recording-chains.ts';
export { bothUses, type TableUse, useOf } from './fixed-tables/table-use.ts';
export type { TunnelPackets } from './fixed-tables/tunnel-chains.ts';
export type { Party } from './membership/parties.ts';
export { isBelieved, type RemoteRanges, remoteRanges } from './membership/remote-peers.ts';
export { NETS_PER_SET } from './peers/net-list.ts';
export { PolicyError } from './policy-error.ts';
export type { Flow } from './program/flow.ts';
export {
  ALLOW_PREFIX,
  DENIALS,
  type Denial,
  FLOOD_PREFIX,
  FLOOD_TO_PREFIX,
  type LogCause,
  PACKET_LOG_GROUP,
  parseLogPrefix,
} from './program/packet-log.ts';
export type { PolicyName } from './program/policy-rule.ts';
export type { AllowedTraffic } from './program/traffic-class.ts';
export { trafficText } from './program/traffic-text.ts';
export { unreadableHostEndpoint } from './program/unreadable-host-endpoint.ts';
export { IntervalList, intervalDifference } from './ranges/interval-list.ts';
export { type ServiceSocket, targetText } from './services/service-statements.ts';
export type { UdpSockets } from './services/services.ts';
export { endpointRules, ruleDrift } from './statements/endpoint-drift.ts';
export type { BaseTable } from './statements/fixed-table.ts';
export { type ActualTable, type ListedElement, type ListedSet, readTable, type SetReader } from './statements/read-table.ts';
export { type Rule, type RuleExpression, ruleText } from './statements/rule.ts';
export {
  type ChainStatement,
  difference,
  type ElementStatement,
  type IntervalsStatement,
  type KeyField,
  type MapStatement,
  type RulesStatement,
  type Statement,
  sameStatement,
  statementKey,
} from './statements/statement.ts';
export { type ListedObject, tableReplacement } from './statements/table-replacement.ts';
export type { Verdict } from './statements/verdict.ts';
