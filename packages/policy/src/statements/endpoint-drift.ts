import type { EndpointSpec } from '@weir/resources';
import { readTable, type SetReader } from './read-table.ts';
import { ruleText } from './rule.ts';
import {
  type ChainStatement,
  type ElementStatement,
  type IntervalsStatement,
  type KeyField,
  type MapStatement,
  type Statement,
  sameStatement,
  statementKey,
} from './statement.ts';

/** Names of chains and maps that policy made, within the text of a rule. */
const NAMES = /\b[cglmnps]_\w+/g;

/**
 * Pure: all that makes up one endpoint's rules in a table: the elements of the fixed sets that name its interface or an address of its,
 * and the chains and maps that these lead to.
 */
export function endpointRules(endpoint: Pick<EndpointSpec, 'hostInterface' | 'addresses'>, table: Iterable<Statement>): Statement[] {
  const identity = new Set<string | number>([endpoint.hostInterface, ...endpoint.addresses]);
  const names = (fields: KeyField[] = []) => fields.some(({ value }) => identity.has(value));
  const { structures, intervals, elements } = sorted(table);
  const found: Statement[] = [];
  const reached = new Set<string>();
  const follow = (name: string): void => {
    const structure = structures.get(name);
    if (structure === undefined || reached.has(name)) return;
    reached.add(name);
    found.push(structure, ...(intervals.get(name) ?? []));
    for (const element of elements.get(name) ?? []) take(element);
    if (structure.kind === 'chain') for (const next of structure.rules.map(ruleText).join(' ').match(NAMES) ?? []) follow(next);
  };
  const take = (element: ElementStatement): void => {
    found.push(element);
    if (element.verdict !== undefined && 'chain' in element.verdict) follow(element.verdict.chain);
  };
  for (const [set, members] of elements) {
    // In a map that policy made, the endpoint is somebody's peer.
    if (structures.has(set)) continue;
    for (const element of members) if (names(element.key) || names(element.data)) take(element);
  }
  return found;
}

/**
 * Pure: what of some statements is missing in a table, or is otherwise.
 *
 * @param listing what `nft -j list table` prints, parsed; undefined when there is no such table
 * @param of.version of the fixed part that should be loaded
 * @param of.reader where the listing has no elements
 * @returns each in a few words
 */
export function ruleDrift(
  wanted: Statement[],
  listing: { nftables: unknown } | undefined,
  { version, reader }: { version: string | undefined; reader?: SetReader },
): string[] {
  if (listing === undefined) return ['it is gone'];
  const actual = readTable(listing, reader);
  const rules = countRules(listing.nftables);
  const drift = actual.version === version ? [] : ['its fixed part is another one'];
  for (const statement of wanted) {
    const key = statementKey(statement);
    const present = actual.statements.get(key);
    if (present === undefined) drift.push(`${key} is missing`);
    else if (!sameStatement(present, statement)) drift.push(`${key} is another one`);
    else if (statement.kind === 'chain' && (rules.get(statement.name) ?? 0) !== statement.rules.length) {
      drift.push(`${key} has ${rules.get(statement.name) ?? 0} rules, not ${statement.rules.length}`);
    }
  }
  return drift;
}

/** Chains and maps by name; what sets and maps hold, by theirs. */
function sorted(statements: Iterable<Statement>): {
  structures: Map<string, ChainStatement | MapStatement>;
  intervals: Map<string, IntervalsStatement[]>;
  elements: Map<string, ElementStatement[]>;
} {
  const structures = new Map<string, ChainStatement | MapStatement>();
  const intervals: IntervalsStatement[] = [];
  const elements: ElementStatement[] = [];
  for (const statement of statements) {
    if (statement.kind === 'element') elements.push(statement);
    else if (statement.kind === 'intervals') intervals.push(statement);
    else if (statement.kind !== 'rules') structures.set(statement.name, statement);
  }
  const bySet = <T extends { set: string }>(all: readonly T[]) => Map.groupBy(all, ({ set }) => set);
  return { structures, intervals: bySet(intervals), elements: bySet(elements) };
}

/** Of each chain. A chain's name tells what was put in; somebody may have taken it out again. */
function countRules(items: unknown): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of Array.isArray(items) ? items : []) {
    const chain = (item as { rule?: { chain?: unknown } } | null)?.rule?.chain;
    if (typeof chain === 'string') counts.set(chain, (counts.get(chain) ?? 0) + 1);
  }
  return counts;
}
