import type { ObjectId } from '@weir/resources';
import { EXIT } from '../exit-status.ts';
import type { Stores } from '../objects/stores.ts';
import type { Report } from '../objects/write-documents.ts';
import { type FlagValues, StoreCommand } from './store-command.ts';

export interface DryRunFlagValues extends FlagValues {
  'dry-run': boolean;
  'exit-code': boolean;
}

/** A command that changes objects, says of each what became of it, and with --dry-run only what would. */
export abstract class ChangingCommand extends StoreCommand {
  /** @param make as for {@link StoreCommand.withStore}; a dry run makes nothing */
  protected async change(
    flags: DryRunFlagValues,
    work: (stores: Stores, report: Report) => Promise<void>,
    { make = false }: { make?: boolean } = {},
  ): Promise<void> {
    const { outcomeText } = await import('../objects/write-documents.ts');
    if (!flags['dry-run']) {
      const report: Report = (id, outcome) => this.log(outcomeText(id, outcome));
      return this.withObjects(flags, (stores) => work(stores, report), { make });
    }
    let changes = 0;
    await this.withObjects(flags, async ({ store }) => {
      const { ObjectStore, Rehearsal } = await import('@weir/datastore');
      const rehearsal = new Rehearsal(store);
      await work({ store: rehearsal, objects: new ObjectStore(rehearsal) }, async (id, outcome) => {
        this.log(`${outcomeText(id, outcome)} (dry run)`);
        if (outcome === 'unchanged') return;
        changes++;
        if (outcome !== 'deleted') process.stdout.write(await this.#differenceText(id, store, rehearsal));
      });
    });
    if (flags['exit-code'] && changes > 0) this.exit(EXIT.wouldChange);
  }

  async #differenceText({ kind, ...metadata }: ObjectId, store: Stores['store'], rehearsal: Stores['store']): Promise<string> {
    const [{ keyOf }, { difference }, { formatDifference }] = await Promise.all([
      import('@weir/resources'),
      import('../objects/difference.ts'),
      import('../output/difference-text.ts'),
    ]);
    const key = keyOf({ kind, metadata });
    return formatDifference(difference(await store.get(key), await rehearsal.get(key)));
  }
}
