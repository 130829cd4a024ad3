/** Kernel parameters under /proc/sys. Those of `net` belong to the namespace of the thread that opens the file. */
import { readFileSync, writeFileSync } from 'node:fs';
import { KernelError } from './error.ts';
import { inOptionalNamespace, type Namespace } from './namespace.ts';

/**
 * Reads a parameter, or sets it and gives back what was set. Written with slashes, `net/ipv4/conf/eth0.1/rp_filter`, or with dots as sysctl(8) has it when no part
 * holds a dot itself. Throws KernelError: ENOENT for no such parameter or link, EINVAL for a value that it does not take.
 */
export function sysctl(name: string, value?: string | number, options: { namespace?: Namespace | undefined } = {}): string {
  const path = `/proc/sys/${name.includes('/') ? name : name.replaceAll('.', '/')}`;
  if (path.split('/').includes('..')) throw new TypeError(`"${name}" is not the name of a kernel parameter`);
  try {
    return inOptionalNamespace(options.namespace, () => {
      if (value === undefined) return readFileSync(path, 'utf8').trimEnd();
      writeFileSync(path, String(value), { flag: 'r+' });
      return String(value);
    });
  } catch (error) {
    throw KernelError.from(error, `sysctl ${name}${value === undefined ? '' : `=${value}`}`);
  }
}
