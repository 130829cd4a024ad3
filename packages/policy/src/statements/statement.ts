import type { Family } from '@weir/resources';
import { type IntervalList, intervalDifference } from '../ranges/interval-list.ts';
import type { Rule } from './rule.ts';
import { type Verdict, verdictText } from './verdict.ts';

/**
 * The nftables table as values: what is wanted, what is there and the difference between the two are all maps from a statement's key to
 * the statement. Keys are `chain/<name>`, `rules/<chain>`, `map/<name>`, `element/<set>/<key text>` and `intervals/<set>`.
 */
export type Statement = ChainStatement | RulesStatement | MapStatement | ElementStatement | IntervalsStatement;

/** Immutable: the name holds a hash of the rules, so that equal names mean equal rules. */
export interface ChainStatement {
  kind: 'chain';
  name: string;
  rules: Rule[];
}

/** The rules of a chain of the base table that stands open for them. */
export interface RulesStatement {
  kind: 'rules';
  chain: string;
  /** Undefined for those that are there: they are not read. */
  rules: Rule[] | undefined;
}

export interface MapStatement {
  kind: 'map';
  name: string;
  /** As nft writes it: `ipv4_addr : verdict`, `inet_service : ipv4_addr . inet_service`; of a set, `ipv4_addr`. */
  type: string;
  interval: boolean;
}

/** An element of a set (neither verdict nor data), of a verdict map or of a map of data. In interval maps `to` is always there, also when it equals `key`. */
export interface ElementStatement {
  kind: 'element';
  set: string;
  key: KeyField[];
  /** Inclusive end of an interval. */
  to?: KeyField[];
  verdict?: Verdict;
  /** What NAT and the like take from a map. */
  data?: KeyField[];
}

/** All elements of a set of nets that policy made: there may be a million, and each as a statement would take fifty times the memory. */
export interface IntervalsStatement {
  kind: 'intervals';
  set: string;
  intervals: IntervalList;
}

/** One field of an element's key or data. Addresses are canonical text. */
export type KeyField =
  | { type: 'ifname'; value: string }
  | { type: 'ipv4_addr' | 'ipv6_addr' | 'ether_addr'; value: string }
  | { type: 'ether_type' | 'inet_proto' | 'inet_service'; value: number }
  /** What the kernel drew or hashed. */
  | { type: 'integer'; value: number };

export function addressType(family: Family): 'ipv4_addr' | 'ipv6_addr' {
  return family === 'IPv4' ? 'ipv4_addr' : 'ipv6_addr';
}

/** The chain of the base table whose rules say of whom no more is told than how much was denied. */
export const MUTED = 'muted';

/** The key that a statement has in a table of statements. */
export function statementKey(statement: Statement): string {
  if (statement.kind === 'intervals') return `intervals/${statement.set}`;
  if (statement.kind === 'rules') return `rules/${statement.chain}`;
  if (statement.kind !== 'element') return `${statement.kind}/${statement.name}`;
  const from = fieldsText(statement.key);
  const to = statement.to === undefined ? from : fieldsText(statement.to);
  return `element/${statement.set}/${from === to ? from : `${from}-${to}`}`;
}

function fieldsText(fields: KeyField[]): string {
  return fields.length === 1 ? String(fields[0]!.value) : fields.map(({ value }) => value).join(' . ');
}

/** Whether two statements of one key are the same to the kernel. Chains and maps are: their names tell what is in them. */
export function sameStatement(left: Statement, right: Statement): boolean {
  if (left.kind === 'intervals' && right.kind === 'intervals') return sameIntervals(left.intervals, right.intervals);
  if (left.kind === 'rules' && right.kind === 'rules') return sameRules(left.rules, right.rules);
  if (left.kind !== 'element' || right.kind !== 'element') return left.kind === right.kind;
  return verdictText(left.verdict) === verdictText(right.verdict) && fieldsText(left.data ?? []) === fieldsText(right.data ?? []);
}

/** Rules are data. */
function sameRules(left: Rule[] | undefined, right: Rule[] | undefined): boolean {
  return left !== undefined && right !== undefined && JSON.stringify(left) === JSON.stringify(right);
}

function sameIntervals(left: IntervalList, right: IntervalList): boolean {
  if (left === right || left.size !== right.size) return left.size === right.size;
  const { gone, come } = intervalDifference(left, right);
  return gone.length + come.length === 0;
}

/** What makes the actual table the desired one. */
export function difference(
  desired: ReadonlyMap<string, Statement>,
  actual: ReadonlyMap<string, Statement>,
): { set: Map<string, Statement>; delete: Set<string> } {
  const set = new Map<string, Statement>();
  for (const [key, statement] of desired) {
    const present = actual.get(key);
    if (present === undefined || !sameStatement(present, statement)) set.set(key, statement);
  }
  return { set, delete: new Set([...actual.keys()].filter((key) => !desired.has(key))) };
}
