/** Statements as nft text: what of a table is not changed but made anew, in the transaction in which the fixed part is. */
import { addressFromNumber } from '@weir/resources';
import { addressNumber } from '../ranges/canonical-address.ts';
import { type Rule, ruleText } from './rule.ts';
import type { ChainStatement, ElementStatement, IntervalsStatement, KeyField, MapStatement, Statement } from './statement.ts';
import { verdictText } from './verdict.ts';

/** What one line may hold: nft's parser keeps a line as a whole. */
const ELEMENTS_PER_LINE = 500;

/**
 * Lines that make chains, maps and sets, without elements; in an order that one script can have them in.
 *
 * @param table family and name
 */
export function structureText(table: string, statements: readonly Statement[]): string[] {
  const chains = statements.filter(isChain);
  const open = statements.filter((statement) => statement.kind === 'rules');
  const ruleLines = (chain: string, rules: readonly Rule[] = []) => rules.map((rule) => `add rule ${table} ${chain} ${ruleText(rule)}`);
  return [
    ...chains.map(({ name }) => `add chain ${table} ${name}`),
    ...statements.filter(isMap).map(({ name, type, interval }) => {
      return `add ${isVerdictOrData(type) ? 'map' : 'set'} ${table} ${name} { type ${type};${interval ? ' flags interval;' : ''} }`;
    }),
    // Rules name other chains and maps, so all of these come first.
    ...chains.flatMap(({ name, rules }) => ruleLines(name, rules)),
    ...open.flatMap(({ chain, rules }) => ruleLines(chain, rules)),
  ];
}

/**
 * Lines that put elements in sets that are there.
 *
 * @param rawSets whose addresses have no type, so that nft takes them as numbers alone
 */
export function elementLines(table: string, statements: readonly Statement[], rawSets: ReadonlySet<string> = new Set()): string[] {
  return [...Map.groupBy(statements.flatMap(elementsOf), ({ set }) => set)].flatMap(([set, members]) => {
    const texts = members.map((element) => elementText(element, rawSets.has(set) ? numberText : nftText));
    return Array.from({ length: Math.ceil(texts.length / ELEMENTS_PER_LINE) }, (_, line) => {
      const some = texts.slice(line * ELEMENTS_PER_LINE, (line + 1) * ELEMENTS_PER_LINE);
      return `add element ${table} ${set} { ${some.join(', ')} }`;
    });
  });
}

function elementsOf(statement: Statement): ElementStatement[] {
  if (statement.kind === 'intervals') return intervalElements(statement);
  return statement.kind === 'element' ? [statement] : [];
}

/** Each by itself. */
export function intervalElements({ set, intervals }: IntervalsStatement): ElementStatement[] {
  const { family } = intervals;
  const field = (number: bigint): KeyField[] => [
    { type: family === 'IPv4' ? 'ipv4_addr' : 'ipv6_addr', value: addressFromNumber(number, family) },
  ];
  return Array.from(intervals, ({ first, last }) => ({ kind: 'element', set, key: field(first), to: field(last) }));
}

/** An element as nft writes it: `10.0.0.0-10.0.0.255 : goto c_1`. */
export function elementText({ key, to, verdict, data }: ElementStatement, fieldText = nftText): string {
  const text = (fields: KeyField[]) => fields.map(fieldText).join(' . ');
  const range = to === undefined || text(to) === text(key) ? text(key) : `${text(key)}-${text(to)}`;
  if (data !== undefined) return `${range} : ${text(data)}`;
  return verdict === undefined ? range : `${range} : ${verdictText(verdict)}`;
}

function nftText({ type, value }: KeyField): string {
  return type === 'ifname' ? `"${value}"` : `${value}`;
}

function numberText(field: KeyField): string {
  return field.type === 'ipv6_addr' ? `0x${addressNumber(field.value).toString(16)}` : nftText(field);
}

/** Whether a map's type says what its elements lead to; of a set it does not. */
export function isVerdictOrData(type: string): boolean {
  return type.includes(' : ');
}

export function isChain(statement: Statement): statement is ChainStatement {
  return statement.kind === 'chain';
}

export function isMap(statement: Statement): statement is MapStatement {
  return statement.kind === 'map';
}
