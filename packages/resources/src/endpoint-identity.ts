import { hash } from 'node:crypto';

/** RFC 4648 §6 in lower case, without padding. */
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** Name length that fits an object's name. */
const MAXIMUM_NAME = 253;

/** IFNAMSIZ of linux/if.h, less the final NUL. */
const MAXIMUM_INTERFACE_NAME = 15;

/** Digits of the digest in names: 55 bits, so a million interfaces on one host meet with a chance of 1 in 70,000. */
const DIGEST_LENGTH = 11;

/**
 * Name of the Endpoint for an interface of a container: `<container id>-<interface>` where that is a valid name, else
 * what is left of it in valid characters, cut to fit, and a digest.
 *
 * Two interfaces never have the same name, but for a collision of digests: only names with a digest have `--` before the last part,
 * and plain ones end in an interface name without `-`.
 *
 * @param containerId CNI_CONTAINERID; of Mesos `parent.child`, possibly with `@` and `:`
 * @param interfaceName in the container, `eth0`
 */
export function endpointName(containerId: string, interfaceName: string): string {
  const plain = `${containerId}-${interfaceName}`;
  if (plain.length <= MAXIMUM_NAME && /^[A-Za-z0-9._-]*[A-Za-z0-9._]$/.test(containerId) && /^[A-Za-z0-9._]+$/.test(interfaceName))
    return plain;
  const digest = shortDigest(containerId, interfaceName);
  const readable = plain.replaceAll(/[^A-Za-z0-9._-]/g, '_').slice(0, MAXIMUM_NAME - 2 - digest.length);
  return `${readable}--${digest}`;
}

/**
 * Name of the host's end of a container's interface: the prefix and a digest, since neither id fits in a link's name, and the beginnings
 * of Mesos' nested container ids are all the same.
 *
 * @param prefix 1 to 4 characters that tell Weir's links from others
 * @returns at most 15 characters
 */
export function hostInterfaceName(containerId: string, interfaceName: string, prefix = 'weir'): string {
  if (!/^[a-z0-9]{1,4}$/.test(prefix))
    throw new RangeError(`${JSON.stringify(prefix)} is no prefix of a link's name: expected 1 to 4 lower-case letters and digits`);
  return `${prefix}${shortDigest(containerId, interfaceName)}`.slice(0, MAXIMUM_INTERFACE_NAME);
}

/** A name as it is where it fits; else as much of it as does, and a digest of the whole. */
export function fittingName(name: string): string {
  if (name.length <= MAXIMUM_NAME) return name;
  const digest = shortDigest(name);
  return `${name.slice(0, MAXIMUM_NAME - 2 - digest.length)}--${digest}`;
}

/** Digest of all, kept apart by a NUL, which none can hold. */
function shortDigest(...parts: string[]): string {
  const bytes = hash('sha256', parts.join('\0'), 'buffer');
  let bits = bytes.readBigUInt64BE();
  let text = '';
  for (let digit = 0; digit < DIGEST_LENGTH; digit += 1) {
    text += BASE32[Number(bits >> 59n)];
    bits = BigInt.asUintN(64, bits << 5n);
  }
  return text;
}
