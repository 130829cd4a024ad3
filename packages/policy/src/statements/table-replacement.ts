import type { BaseTable } from './fixed-table.ts';
import { readTable } from './read-table.ts';
import type { Rule } from './rule.ts';
import type { MapStatement, Statement } from './statement.ts';
import { elementLines, isChain, isMap, isVerdictOrData, structureText } from './table-text.ts';

/** How a table becomes another in one transaction, whatever is in it: another version of Weir may have had other sets, chains and hooks. */
export interface TableReplacement {
  /**
   * Desired sets of addresses, with what is in them, which may be a million: too many for text. They lead nowhere and depend on nothing,
   * so they come before the script, by their difference to `present`.
   */
  addressSets: Map<string, Statement>;
  /** What is there already of `addressSets`. */
  present: Map<string, Statement>;
  /** nft text of all the rest. */
  script: string;
  /** What text cannot say, for chains that the script makes without rules. Until then packets pass these. */
  unsaid: { chain: string; rules: readonly Rule[] }[];
}

/** One object of nft's JSON. */
export type ListedObject = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/**
 * Pure.
 *
 * @param name family and name of the table
 * @param listed what `nft -j list table` prints of it
 * @param desired the calculated part
 */
export function tableReplacement(
  name: string,
  listed: readonly ListedObject[],
  { desired, base }: { desired: ReadonlyMap<string, Statement>; base: BaseTable },
): TableReplacement {
  const listedSets = new Map(
    listed.flatMap((object) => ((object.set ?? object.map) ? [[String((object.set ?? object.map)!.name), object]] : [])),
  );
  const sets = new Set<string>();
  for (const statement of desired.values()) {
    if (!isMap(statement) || isVerdictOrData(statement.type)) continue;
    const present = listedSets.get(statement.name);
    if (present === undefined || isThat(present, statement)) sets.add(statement.name);
  }
  const [addressSets, rest]: [Map<string, Statement>, Statement[]] = [new Map(), []];
  for (const [key, statement] of desired) {
    if (!isChain(statement) && statement.kind !== 'rules' && sets.has(isMap(statement) ? statement.name : statement.set))
      addressSets.set(key, statement);
    else rest.push(statement);
  }
  const sayable = rest.map((statement) => (isChain(statement) && !isSayable(statement) ? { ...statement, rules: [] } : statement));
  return {
    addressSets,
    present: readTable({ nftables: [...sets].flatMap((set) => listedSets.get(set) ?? []) }).statements,
    script: [
      ...removal(name, listed, sets),
      base.script,
      ...structureText(name, sayable),
      ...elementLines(name, sayable, new Set(base.rawSets)),
      '',
    ].join('\n'),
    unsaid: rest.flatMap((statement) =>
      isChain(statement) && !isSayable(statement) ? [{ chain: statement.name, rules: statement.rules }] : [],
    ),
  };
}

function isThat({ set }: ListedObject, { type, interval }: MapStatement): boolean {
  return set?.type === type && [set.flags ?? []].flat().join() === (interval ? 'interval' : '');
}

/** Where the kernel has queues as iptables' target alone, nft cannot say them. */
function isSayable({ rules }: { rules: readonly Rule[] }): boolean {
  return !rules.some(({ expressions }) => expressions.some(({ kind }) => kind === 'queue'));
}

/** Rules name sets and chains, and elements name chains: so they go in that order. */
function removal(table: string, listed: readonly ListedObject[], kept: ReadonlySet<string>): string[] {
  const all = listed
    .flatMap((object) => Object.entries(object))
    .filter(([, { name, table: of }]) => name !== undefined && of !== undefined);
  const isSet = (kind: string) => kind === 'set' || kind === 'map';
  const chains = all.filter(([kind]) => kind === 'chain');
  const sets = all.filter(([kind, { name }]) => isSet(kind) && !kept.has(String(name)));
  const others = all.filter(([kind]) => kind !== 'chain' && !isSet(kind));
  return [
    ...chains.map(([, { name }]) => `flush chain ${table} ${name}`),
    ...sets.map(([kind, { name }]) => `delete ${kind} ${table} ${name}`),
    ...chains.map(([, { name }]) => `delete chain ${table} ${name}`),
    ...others.map(([kind, { name }]) => `delete ${kind} ${table} ${name}`),
  ];
}
