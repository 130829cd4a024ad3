import type { ChainStatement, MapStatement, Statement } from './statement.ts';

/**
 * nft text that makes or removes chains and maps; elements, which go to the kernel another way, are left out. What it makes has no effect
 * before an element leads there, so it is run before the elements change; what it removes nothing may lead to any more, so it is run after.
 *
 * Making what is there already changes nothing.
 *
 * @returns the empty string if there is nothing to do
 */
export function structureScript(of: { create: Iterable<Statement> } | { remove: Iterable<Statement> }): string {
  const lines = 'create' in of ? creation([...of.create]) : removal([...of.remove]);
  return lines.map((line) => `${line}\n`).join('');
}

function creation(statements: Statement[]): string[] {
  const chains = statements.filter(isChain);
  return [
    ...chains.map(({ name, comment }) => `add chain inet weir ${name}${comment === undefined ? '' : ` { comment "${comment}"; }`}`),
    ...statements
      .filter(isMap)
      .map(({ name, type, interval }) => `add map inet weir ${name} { type ${type};${interval ? ' flags interval;' : ''} }`),
    // Rules name other chains and maps, so all of these come first.
    ...chains.flatMap(({ name, rules }) => [`flush chain inet weir ${name}`, ...rules.map((rule) => `add rule inet weir ${name} ${rule}`)]),
  ];
}

function removal(statements: Statement[]): string[] {
  const chains = statements.filter(isChain);
  return [
    ...chains.map(({ name }) => `flush chain inet weir ${name}`),
    ...statements.filter(isMap).map(({ name }) => `delete map inet weir ${name}`),
    ...chains.map(({ name }) => `delete chain inet weir ${name}`),
  ];
}

function isChain(statement: Statement): statement is ChainStatement {
  return statement.kind === 'chain';
}

function isMap(statement: Statement): statement is MapStatement {
  return statement.kind === 'map';
}
