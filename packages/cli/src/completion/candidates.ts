/** What may stand where the cursor is. Pure but for the names, which the store has. */
import { KINDS, kindInfo, requireKind } from '@weir/resources';

export interface CompletedFlag {
  name: string;
  char?: string | undefined;
  /** Absent: it takes no value. */
  value?: { options?: readonly string[] | undefined };
}

export interface CompletedCommand {
  /** `['ipam', 'show']` */
  words: readonly string[];
  flags: readonly CompletedFlag[];
}

/** Of objects in the store. */
export interface Names {
  /** @param namespace of kinds that are in one; undefined: all of them */
  objects(kind: string, namespace: string | undefined): Promise<string[]>;
  namespaces(): Promise<string[]>;
  /** Whom a flow may be from or to, as `weir trace` takes it. */
  ends(): Promise<string[]>;
}

/** Commands that name objects: first a kind, or kind/name. */
const OF_OBJECTS = new Set(['get', 'describe', 'edit', 'delete', 'label']);
/** Those that name hosts. */
const OF_HOSTS = new Set(['node status', 'node routes']);

/**
 * @param typed the words after `weir`; the last one is being typed, and may be empty
 * @returns whole words that begin with it, in order
 */
export async function candidates(typed: readonly string[], commands: readonly CompletedCommand[], names: Names): Promise<string[]> {
  const last = typed.at(-1) ?? '';
  const before = typed.slice(0, -1);
  const found = await allCandidates(before, last, commands, names);
  return [...new Set(found)].filter((word) => word.startsWith(last)).sort();
}

async function allCandidates(
  before: readonly string[],
  last: string,
  commands: readonly CompletedCommand[],
  names: Names,
): Promise<string[]> {
  const command = commandOf(before, commands);
  const isNext = ({ words }: CompletedCommand) => words.length > before.length && before.every((word, index) => word === words[index]);
  const next = commands.filter(isNext).map(({ words }) => words[before.length]!);
  if (command === undefined) return next;
  const given = parseGiven(before.slice(command.words.length), command);
  if (given.open !== undefined) return valuesOf(given.open, names);
  if (last.startsWith('-')) return command.flags.map(({ name }) => `--${name}`);
  return [...next, ...(await wordsOf(command, given, last, names))];
}

/** The longest that the words begin with. */
function commandOf(words: readonly string[], commands: readonly CompletedCommand[]): CompletedCommand | undefined {
  const own = commands.filter((command) => command.words.every((word, index) => word === words[index]));
  return own.sort((left, right) => right.words.length - left.words.length)[0];
}

interface Given {
  /** Words that are no flags, and no values of flags. */
  positional: string[];
  flags: Map<string, string>;
  /** A flag whose value is being typed. */
  open?: CompletedFlag;
}

function parseGiven(words: readonly string[], { flags }: CompletedCommand): Given {
  const given: Given = { positional: [], flags: new Map() };
  let open: CompletedFlag | undefined;
  for (const word of words) {
    if (open !== undefined) {
      given.flags.set(open.name, word);
      open = undefined;
      continue;
    }
    const [, long, value] = /^--([^=]+)(?:=(.*))?$/.exec(word) ?? [];
    const flag = flags.find(({ name, char }) => name === long || (char !== undefined && word === `-${char}`));
    if (flag === undefined && !word.startsWith('-')) given.positional.push(word);
    if (flag !== undefined && value !== undefined) given.flags.set(flag.name, value);
    else if (flag?.value !== undefined) open = flag;
    else if (flag !== undefined) given.flags.set(flag.name, '');
  }
  return open === undefined ? given : { ...given, open };
}

async function valuesOf({ name, value }: CompletedFlag, names: Names): Promise<string[]> {
  if (value?.options !== undefined) return [...value.options];
  if (name === 'namespace') return names.namespaces();
  if (name === 'from' || name === 'to') return names.ends();
  return [];
}

async function wordsOf({ words }: CompletedCommand, { positional, flags }: Given, last: string, names: Names): Promise<string[]> {
  const command = words.join(' ');
  if (OF_HOSTS.has(command)) return names.objects('Host', undefined);
  if (!OF_OBJECTS.has(command)) return [];
  const [kindWord] = positional;
  const slash = last.indexOf('/');
  const wanted = slash >= 0 ? last.slice(0, slash) : kindWord;
  if (wanted === undefined) return KINDS.map(({ plural }) => plural);
  if (slash < 0 && kindWord?.includes('/')) return [];
  const kind = kindNamed(wanted);
  if (kind === undefined) return [];
  const namespace = kindInfo(kind).namespaced && !flags.has('all-namespaces') ? (flags.get('namespace') ?? 'default') : undefined;
  const found = await names.objects(kind, namespace);
  return slash >= 0 ? found.map((name) => `${wanted}/${name}`) : found.filter((name) => !positional.slice(1).includes(name));
}

function kindNamed(word: string) {
  try {
    return requireKind(word).kind;
  } catch {
    return undefined; // no kind has that name: there is nothing to complete
  }
}
