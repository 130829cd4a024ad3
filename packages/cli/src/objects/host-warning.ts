import type { ObjectId } from '@weir/resources';
import { referenceText } from './references.ts';
import type { Stores } from './stores.ts';

/** A Host that is deleted takes the routes to its containers with it, and they may well run: an agent that was stopped looks like a host that died. */
export async function warnOfContainers({ objects }: Pick<Stores, 'objects'>, { kind, name }: ObjectId): Promise<void> {
  if (kind !== 'Host') return;
  const { objects: endpoints } = await objects.list('Endpoint');
  const count = endpoints.filter(({ object }) => object.spec.host === name).length;
  if (count === 0) return;
  process.stderr.write(
    `warning: ${referenceText(kind, name)} has ${count} endpoint${count === 1 ? '' : 's'}, which other hosts reach no more, and whose addresses are given to others in ten minutes: if it is not gone for good, start its agent, which makes the Host anew\n`,
  );
}
