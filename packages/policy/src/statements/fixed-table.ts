import manifest from '../../package.json' with { type: 'json' };
import { contentHash } from './content-hash.ts';

/** The part of a table that is loaded as one script. */
export interface BaseTable {
  /**
   * Hash of how this version of Weir makes such a table, whatever its settings. One of another layout is replaced as a whole: its chains
   * and sets may mean something else, or be in the way.
   */
  layout: string;
  /** Layout, hash of the script, and how many rules it makes: a table that has both needs no other. */
  version: string;
  /** nft text. Creates the table, or replaces its base chains in one transaction; what the sets and maps hold stays. */
  script: string;
  /** Sets whose addresses have no type: nft takes them as numbers alone. */
  rawSets: readonly string[];
}

export interface FixedChain {
  /** Of base chains, type and hook, as nft writes them. */
  hook?: string;
  rules: string[];
  /** Its rules are calculated: they are no part of this one, and stay when it is loaded anew. */
  isOpen?: true;
}

/**
 * The name of the chain whose one rule holds, as its comment, the version. Nothing leads there. The number of rules is part of it, since
 * somebody may flush a chain and leave this one.
 */
export const VERSION_CHAIN = 'version';

/** Of Weir: with each, whatever is calculated may be other rules under the same names. */
const VERSION: string = manifest.version;

/**
 * @param table family and name
 * @param parts.sets sets and maps, as nft writes them
 * @param parts.layout the chains with one and the same settings: they, the sets, and how Weir calculates are the table's layout
 * @param parts.all every chain that another version of it may have: those that this one has not are emptied, and their hooks left
 */
export function fixedTable(
  table: string,
  {
    sets,
    chains,
    layout: standard = chains,
    all = chains,
    rawSets = [],
  }: {
    sets: string[];
    chains: Record<string, FixedChain>;
    layout?: Record<string, FixedChain>;
    all?: Record<string, FixedChain>;
    rawSets?: string[];
  },
): BaseTable {
  const text = Object.entries(chains).map(([name, { hook, rules }]) => {
    const type = hook === undefined ? [] : [`type ${hook}; policy accept;`];
    return `  chain ${name} {\n${[...type, ...rules].map((line) => `    ${line}\n`).join('')}  }`;
  });
  const body = [`table ${table} {`, ...sets.map((line) => `  ${line}`), ...text].join('\n');
  const count = Object.values(chains).reduce((sum, { rules }) => sum + rules.length, 0);
  const layout = contentHash(JSON.stringify([VERSION, sets, standard]));
  const version = `${layout}-${contentHash(body)}-${count}`;
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
      ...(chains[name]?.isOpen ? [] : [`flush chain ${table} ${name}`]),
    ]),
    body,
    marker,
  ];
  return { layout, version, script: `${script.join('\n')}\n`, rawSets };
}
