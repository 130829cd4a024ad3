/** The name servers that the host itself asks, as resolv.conf(5) has them now. */
import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { DNS4, DNS6 } from '@weir/routing';

/** glibc's MAXNS. */
const MOST = 3;
/** Without any, resolv.conf(5) has the one on this host asked. */
const LOCAL = ['127.0.0.1'];

/** Pure. Our own addresses are left out: a host whose resolver is its agent would ask itself for ever. */
export function nameServers(resolvConf: string): string[] {
  const named = resolvConf.split('\n').flatMap((line) => /^nameserver\s+(\S+)/.exec(line)?.[1] ?? []);
  if (named.length === 0) return LOCAL;
  return named.slice(0, MOST).filter((address) => isIP(address) !== 0 && address !== DNS4 && address !== DNS6);
}

/** Reads the file again when it has changed: DHCP clients write it anew. */
export class HostResolvers {
  readonly #path: string;
  #read: { modified: number; servers: string[] } | undefined;

  constructor(path = '/etc/resolv.conf') {
    this.#path = path;
  }

  /** Empty when there is none. What was read last stays while the file cannot be read. */
  get servers(): readonly string[] {
    try {
      const modified = statSync(this.#path).mtimeMs;
      if (modified !== this.#read?.modified) this.#read = { modified, servers: nameServers(readFileSync(this.#path, 'utf8')) };
    } catch {
      // Between two versions of the file there may be none.
    }
    return this.#read?.servers ?? [];
  }
}
