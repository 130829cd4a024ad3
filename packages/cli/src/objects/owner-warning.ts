import type { ObjectId } from '@weir/resources';
import { referenceText } from './references.ts';
import type { Stores } from './stores.ts';

/** What an agent makes of an app's labels (`objectsOfApp`, `vipServices`) it makes again: whoever changes it by hand is told where to change it. */
export async function warnOfOwner({ objects }: Pick<Stores, 'objects'>, { kind, name, namespace }: ObjectId): Promise<void> {
  if (!(kind === 'Service' || ((kind === 'Policy' || kind === 'Claim') && name.startsWith('marathon-')))) return;
  // What cannot be read is nobody's, and a store that is away says so at the next step.
  const stored = await objects.get(kind, name, namespace).catch(() => undefined);
  if (stored?.object.metadata.labels['weir/owner'] !== 'marathon') return;
  const app = stored.object.metadata.annotations['weir/app'] ?? 'an app';
  process.stderr.write(
    `warning: ${referenceText(kind, name)} is made of the labels of ${app}, and will be made so again: change them in Marathon\n`,
  );
}
