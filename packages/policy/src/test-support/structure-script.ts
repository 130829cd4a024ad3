import type { Statement } from '../statements/statement.ts';
import { isChain, isMap, isVerdictOrData, structureText } from '../statements/table-text.ts';

/**
 * nft text that makes or removes chains and maps, to see what nft itself makes of them; elements are left out. What it makes has no effect
 * before an element leads there, so it is run before the elements change; what it removes nothing may lead to any more, so it is run after.
 *
 * @param table its family and name: `inet weir`
 * @returns the empty string if there is nothing to do
 */
export function structureScript(table: string, of: { create: Iterable<Statement> } | { remove: Iterable<Statement> }): string {
  const lines = 'create' in of ? structureText(table, [...of.create]) : removal(table, [...of.remove]);
  return lines.map((line) => `${line}\n`).join('');
}

function removal(table: string, statements: Statement[]): string[] {
  const chains = statements.filter(isChain);
  return [
    ...chains.map(({ name }) => `flush chain ${table} ${name}`),
    ...statements.filter(isMap).map(({ name, type }) => `delete ${isVerdictOrData(type) ? 'map' : 'set'} ${table} ${name}`),
    ...chains.map(({ name }) => `delete chain ${table} ${name}`),
  ];
}
