import { ruleText } from '../statements/rule.ts';
import type { ChainStatement, MapStatement, Statement } from '../statements/statement.ts';

/**
 * nft text that makes or removes chains and maps, to see what nft itself makes of them; elements are left out. What it makes has no effect
 * before an element leads there, so it is run before the elements change; what it removes nothing may lead to any more, so it is run after.
 *
 * @param table its family and name: `inet weir`
 * @returns the empty string if there is nothing to do
 */
export function structureScript(table: string, of: { create: Iterable<Statement> } | { remove: Iterable<Statement> }): string {
  const lines = 'create' in of ? creation(table, [...of.create]) : removal(table, [...of.remove]);
  return lines.map((line) => `${line}\n`).join('');
}

function creation(table: string, statements: Statement[]): string[] {
  const chains = statements.filter(isChain);
  return [
    ...chains.map(({ name }) => `add chain ${table} ${name}`),
    ...statements.filter(isMap).map(({ name, type, interval }) => {
      const kind = type.includes(' : ') ? 'map' : 'set';
      return `add ${kind} ${table} ${name} { type ${type};${interval ? ' flags interval;' : ''} }`;
    }),
    // Rules name other chains and maps, so all of these come first.
    ...chains.flatMap(({ name, rules }) => rules.map((rule) => `add rule ${table} ${name} ${ruleText(rule)}`)),
  ];
}

function removal(table: string, statements: Statement[]): string[] {
  const chains = statements.filter(isChain);
  return [
    ...chains.map(({ name }) => `flush chain ${table} ${name}`),
    ...statements.filter(isMap).map(({ name, type }) => `delete ${type.includes(' : ') ? 'map' : 'set'} ${table} ${name}`),
    ...chains.map(({ name }) => `delete chain ${table} ${name}`),
  ];
}

function isChain(statement: Statement): statement is ChainStatement {
  return statement.kind === 'chain';
}

function isMap(statement: Statement): statement is MapStatement {
  return statement.kind === 'map';
}
