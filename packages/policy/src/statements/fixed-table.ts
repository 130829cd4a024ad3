import { contentHash } from './content-hash.ts';

/** The part of a table that is loaded as one script. */
export interface BaseTable {
  /** Hash of the script, and how many rules it makes: a table that has both needs no other. */
  version: string;
  /** nft text. Creates the table, or replaces its base chains in one transaction; what the sets and maps hold stays. */
  script: string;
}

export interface FixedChain {
  /** Of base chains, type and hook, as nft writes them. */
  hook?: string;
  rules: string[];
}

/**
 * The name of the chain whose one rule holds, as its comment, the version. Nothing leads there. The number of rules is part of it, since
 * somebody may flush a chain and leave this one.
 */
export const VERSION_CHAIN = 'version';

/**
 * @param table family and name
 * @param parts.sets sets and maps, as nft writes them
 * @param parts.all every chain that another version of it may have: those that this one has not are emptied, and their hooks left
 */
export function fixedTable(
  table: string,
  { sets, chains, all = chains }: { sets: string[]; chains: Record<string, FixedChain>; all?: Record<string, FixedChain> },
): BaseTable {
  const text = Object.entries(chains).map(([name, { hook, rules }]) => {
    const type = hook === undefined ? [] : [`type ${hook}; policy accept;`];
    return `  chain ${name} {\n${[...type, ...rules].map((line) => `    ${line}\n`).join('')}  }`;
  });
  const body = [`table ${table} {`, ...sets.map((line) => `  ${line}`), ...text].join('\n');
  const count = Object.values(chains).reduce((sum, { rules }) => sum + rules.length, 0);
  const version = `${contentHash(body)}-${count}`;
  const names = [...Object.keys(chains), VERSION_CHAIN];
  const marker = `  chain ${VERSION_CHAIN} {\n    return comment "${version}"\n  }\n}`;
  const unwanted = Object.entries(all).filter(([name]) => chains[name] === undefined);
  const script = [
    `add table ${table}`,
    // Elements may lead to a chain that is not hooked in, and are taken away later.
    ...unwanted.flatMap(([name, { hook }]) => [
      `add chain ${table} ${name}`,
      `flush chain ${table} ${name}`,
      ...(hook === undefined ? [] : [`delete chain ${table} ${name}`]),
    ]),
    ...names.flatMap((name) => [
      `add chain ${table} ${name}${chains[name]?.hook === undefined ? '' : ` { type ${chains[name].hook}; policy accept; }`}`,
      `flush chain ${table} ${name}`,
    ]),
    body,
    marker,
  ];
  return { version, script: `${script.join('\n')}\n` };
}
