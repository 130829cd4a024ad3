/**
 * Who an endpoint of Docker's is to Weir. Docker asks for an address before it has an endpoint, and tells then of the hardware address alone,
 * which it makes by chance: so that is what address and endpoint are known by. With the host's name, since chance has only 32 bits. Pure.
 */
import { hostInterfaceName } from '@weir/resources';

const PREFIX = 'docker-';

/** The container has it by this name if it is its first; Docker counts them. */
export const INTERFACE_PREFIX = 'eth';

export interface DockerOwner {
  containerId: string;
  interfaceName: string;
}

export function ownerOf(host: string, mac: string): DockerOwner {
  return { containerId: `${PREFIX}${host}-${mac.toLowerCase().replaceAll(':', '')}`, interfaceName: `${INTERFACE_PREFIX}0` };
}

/** Whether an address is held for an endpoint of Docker's. CNI's runtimes name the container's namespace with each. */
export function isOfDocker({ containerId, namespace }: { containerId: string; namespace?: string }): boolean {
  return namespace === undefined && containerId.startsWith(PREFIX);
}

/** Name of the container's end of its link until Docker takes it away. */
export function waitingEnd({ containerId, interfaceName }: DockerOwner): string {
  return hostInterfaceName(containerId, interfaceName, 'wend');
}
