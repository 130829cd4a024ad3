/** What the names in a call may look like: the specification's rules, and Mesos' where they are wider. */
import { CNI_CODE, CniError } from '../cni-error.ts';

/**
 * Mesos lets frameworks choose ids: `@`, `:`, spaces and any length pass (`validateID` of its validation code), nested ones are
 * `parent.child`. Only what it refuses itself is refused here: separators of paths and control characters.
 * @throws CniError 4
 */
export function checkContainerId(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[/\\\u0000-\u001f\u007f]/.test(value) || value === '.' || value === '..') {
    throw badEnvironment(`CNI_CONTAINERID is ${JSON.stringify(value)}: no "/", "\\" or control characters are allowed`);
  }
  return value;
}

/**
 * The kernel's rules (dev_valid_name in net/core/dev.c) and the specification's.
 * @throws CniError 4
 */
export function checkInterfaceName(value: string): string {
  const fault =
    Buffer.byteLength(value) > 15
      ? 'longer than 15 bytes'
      : value === '.' || value === '..'
        ? 'not a name'
        : /[/:\s]/.test(value)
          ? 'holding "/", ":" or a space'
          : undefined;
  if (fault !== undefined) throw badEnvironment(`CNI_IFNAME is ${JSON.stringify(value)}: ${fault}`);
  return value;
}

/**
 * SPEC.md, "Network configuration format".
 * @throws CniError 7
 */
export function checkNetworkName(value: string): string {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(value)) return value;
  throw new CniError(
    CNI_CODE.invalidConfig,
    `the network's name is ${JSON.stringify(value)}: it begins with a letter or digit, and letters, digits, "_", "." and "-" may follow`,
    { details: 'correct "name" in the network\'s configuration file, and in the apps that use it' },
  );
}

/** CniError 4, for what the runtime has to set. */
export function badEnvironment(message: string): CniError {
  return new CniError(CNI_CODE.invalidEnvironment, message, { details: 'the runtime that calls this tool sets these variables' });
}
