import type { Command } from '@oclif/core';
import { StoreCommand } from '../command-line/store-command.ts';
import type { CompletedCommand, Names } from '../completion/candidates.ts';

/** Asked by the shell's script (`weir completion`) at each tab. */
export default class Complete extends StoreCommand {
  static override summary = 'Print the words that may stand where the cursor is, for the shell.';
  static override usage = 'complete -- WORD… [STORE FLAGS]';
  static override examples = ['<%= config.bin %> complete -- get pol'];
  static override hidden = true;
  static override strict = false;

  async run(): Promise<void> {
    const typed = this.argv.slice(this.argv.indexOf('--') + 1);
    const { candidates } = await import('../completion/candidates.ts');
    const found = await candidates(typed, this.config.commands.filter(({ hidden }) => !hidden).map(completed), this.names(typed));
    if (found.length > 0) this.log(found.join('\n'));
  }

  /** Each opens the store for itself: most words need none. One that is away has no names to offer. */
  private names(typed: readonly string[]): Names {
    const ask = async (work: (names: Names) => Promise<string[]>): Promise<string[]> => {
      try {
        return await this.withStore(storeFlagsIn(typed), async (store) =>
          work((await import('../completion/stored-names.ts')).storedNames(store)),
        );
      } catch {
        return [];
      }
    };
    return {
      objects: (kind, namespace) => ask((names) => names.objects(kind, namespace)),
      namespaces: () => ask((names) => names.namespaces()),
      ends: () => ask((names) => names.ends()),
    };
  }
}

/** In seconds: who waits at a prompt does not wait for long. */
const PATIENCE = '2';

/** The words may name the store themselves. */
function storeFlagsIn(typed: readonly string[]): Record<string, string> {
  const { WEIR_CONFIG: config } = process.env;
  const flags: Record<string, string> = { 'store-timeout': PATIENCE, ...(config !== undefined && { config }) };
  for (const [index, word] of typed.entries()) {
    const [, name, value = typed[index + 1]] = /^--(store|store-path|etcd-[a-z-]+|config)(?:=(.*))?$/.exec(word) ?? [];
    if (name !== undefined && value !== undefined) flags[name] = value;
  }
  return flags;
}

function completed({ id, flags }: Command.Loadable): CompletedCommand {
  return {
    words: id.split(':'),
    flags: Object.entries(flags)
      .filter(([, { hidden }]) => !hidden)
      .map(([name, flag]) => ({
        name,
        char: flag.char,
        ...(flag.type === 'option' && { value: { options: flag.options } }),
      })),
  };
}
