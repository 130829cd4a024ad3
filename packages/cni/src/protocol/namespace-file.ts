import { type Stats, statSync } from 'node:fs';
import { CNI_CODE, CniError } from '../cni-error.ts';
import type { Call } from './request.ts';

/**
 * Makes sure that CNI_NETNS is there and is not the namespace that this process is in: an interface made there would be the host's. With
 * CNI_NETNS_OVERRIDE a runtime says that it wants just that, as to the reference implementation's skel package.
 * @throws CniError 3 when the file is missing, 8 when it is the own namespace
 */
export function requireContainerNamespace({ namespace: path, environment }: Call): void {
  // Synchronous: one stat(2) of a local file is cheaper than a turn through the thread pool.
  const file = statSync(path!, { throwIfNoEntry: false });
  if (file === undefined) {
    throw new CniError(CNI_CODE.unknownContainer, `the network namespace ${path} (CNI_NETNS) does not exist`, {
      details: 'the container ended before its network was ready; launch the task again',
    });
  }
  if (/^(1|true)$/i.test(environment.CNI_NETNS_OVERRIDE ?? '')) return;
  if (isOwn(file)) {
    throw new CniError(CNI_CODE.invalidNamespace, `the network namespace ${path} (CNI_NETNS) is the host's own`, {
      details: 'only a container with a network namespace of its own can be attached',
    });
  }
}

/** A process of ours stays where it is: its threads visit other namespaces, and come back. */
let own: Stats | undefined;

function isOwn({ dev, ino }: Stats): boolean {
  own ??= statSync('/proc/self/ns/net');
  return dev === own.dev && ino === own.ino;
}
