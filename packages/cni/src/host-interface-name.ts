import { createHash } from 'node:crypto';

/** Host interfaces that policy guards: the ruleset drops everything for such a one that it does not know. */
export const GUARDED_PREFIX = 'weir';

/** Host interfaces of networks without policy. */
export const OPEN_PREFIX = 'wlnk';

/** RFC 4648's alphabet in lower case: five bits a character get the most out of the kernel's 15 characters. */
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/**
 * Name of the host's end of a container's veth. A hash, because the ids of Mesos' nested containers begin with their parent's id and
 * one container may have several interfaces: prefix and 55 bits.
 */
export function hostInterfaceName(prefix: string, containerId: string, interfaceName: string): string {
  const digest = createHash('sha256').update(`${containerId}\0${interfaceName}`).digest();
  let name = prefix;
  for (const byte of digest.subarray(0, 15 - prefix.length)) name += BASE32[byte & 31];
  return name;
}
