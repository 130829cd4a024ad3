import { statSync } from 'node:fs';
import { CNI_CODE, CniError } from './cni-error.ts';

/**
 * Makes sure that CNI_NETNS is there and is not the namespace that this process is in: an interface made there would be the host's.
 * @throws CniError 3 when the file is missing, 8 when it is the own namespace
 */
export function requireContainerNamespace(path: string): void {
  // Synchronous: one stat(2) of a local file is cheaper than a turn through the thread pool.
  const file = statSync(path, { throwIfNoEntry: false });
  if (file === undefined) {
    throw new CniError(CNI_CODE.unknownContainer, `the network namespace ${path} (CNI_NETNS) does not exist`, {
      details: 'the container ended before its network was ready; launch the task again',
    });
  }
  const own = statSync('/proc/self/ns/net');
  if (file.dev === own.dev && file.ino === own.ino) {
    throw new CniError(CNI_CODE.invalidNamespace, `the network namespace ${path} (CNI_NETNS) is the host's own`, {
      details: 'only a container with a network namespace of its own can be attached',
    });
  }
}
