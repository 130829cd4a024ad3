import type { AnyObject } from '@weir/resources';
import { CliError } from '../cli-error.ts';
import { StoreCommand } from '../command-line/store-command.ts';
import { namespaceFlag } from '../command-line/store-flags.ts';
import { EXIT, exitStatusOf } from '../exit-status.ts';
import type { EditedFile } from '../objects/edited-file.ts';
import type { Stores } from '../objects/stores.ts';

interface Stored {
  object: AnyObject;
  revision: number;
}

export default class Edit extends StoreCommand {
  static override summary = 'Change an object in an editor: that of VISUAL or EDITOR, or else vi.';
  static override usage = 'edit KIND NAME [-n NAME] [STORE FLAGS]';
  static override description =
    `The text is what weir get -o yaml prints. It is checked and written as by weir replace, and only if nobody else has changed the object
meanwhile; what is refused stays in a file, for weir apply -f.`;
  static override examples = ['<%= config.bin %> edit policy web -n shop', 'EDITOR="code --wait" <%= config.bin %> edit pool/main'];
  static override strict = false;
  static override flags = { ...namespaceFlag };

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(Edit);
    const [{ referenceText }, { formatObjects }, { EditedFile }, { writeObject }] = await Promise.all([
      import('../objects/references.ts'),
      import('../output/object-output.ts'),
      import('../objects/edited-file.ts'),
      import('../objects/write-object.ts'),
    ]);
    const { object, revision } = await this.withObjects(flags, (stores) => this.stored(stores, argv as string[], flags.namespace));
    const reference = referenceText(object.kind, object.metadata.name);
    const text = await formatObjects([object], { form: 'yaml', namespaces: false, single: true, width: 0 });
    const file = await EditedFile.with(text, `${reference.replace('/', '-')}.yaml`);
    try {
      const edited = await file.edit(process.env);
      if (edited === text) this.log(`${reference} unchanged`);
      else {
        const wanted = await this.edited(file, object);
        await this.withObjects(flags, (stores) => writeObject(stores, wanted, 'replace', { revision }));
        this.log(`${reference} edited`);
      }
    } catch (error) {
      const kept = `your text is in ${file.path}: weir apply -f takes it`;
      if (exitStatusOf(error) !== EXIT.refused) {
        this.logToStderr(kept);
        throw error;
      }
      const details = [...(error instanceof CliError ? error.details : []), kept];
      throw new CliError('EREFUSED', (error as Error).message, { details, cause: error });
    }
    await file.remove();
  }

  /** @throws CliError EUSAGE, ENOTFOUND, EREFUSED for what is not for people to write */
  private async stored(stores: Stores, words: string[], namespace: string): Promise<Stored> {
    const [{ parseReferences }, { notFoundBut }, { checkWritable }] = await Promise.all([
      import('../objects/references.ts'),
      import('../objects/not-found.ts'),
      import('../objects/write-object.ts'),
    ]);
    const [reference, ...more] = parseReferences(words);
    if (reference?.name === undefined || more.length > 0) throw new CliError('EUSAGE', 'name one object to edit: weir edit KIND NAME');
    const { kind, namespaced } = reference.kind;
    const id = { kind, name: reference.name, ...(namespaced && { namespace }) };
    const stored = await stores.objects.get(kind, id.name, id.namespace);
    if (stored === undefined) throw await notFoundBut(stores, id);
    checkWritable(stored.object as AnyObject, 'replace');
    return stored as Stored;
  }

  /** @throws ValidationError; CliError EREFUSED for another object than was to be edited */
  private async edited({ path }: EditedFile, before: AnyObject): Promise<AnyObject> {
    const [{ readDocuments }, { keyOf }] = await Promise.all([import('../objects/documents.ts'), import('@weir/resources')]);
    const documents = await readDocuments([path], { recursive: false });
    const [document] = documents;
    if (documents.length !== 1 || keyOf(document!.object) !== keyOf(before))
      throw new CliError('EREFUSED', 'kind, namespace and name stay as they are, and one object stays one: nothing was written');
    return document!.object;
  }
}
