/** What BIRD says of its sessions, in its own words. Pure. */

/** A session as BIRD has it. */
export interface BirdProtocol {
  name: string;
  /** As in RFC 4271, section 8: Established, or how far it came. */
  state: string;
  /** Of the state; local time without a zone, `2026-03-01 12:00:07`. */
  since: string;
  /** The last error, which may be over. */
  error?: string;
  /** Taken in, and told. */
  routes: { in: number; out: number };
}

/**
 * Reads the answer to `show bfd sessions`, as bird(8) 2.0 to 2.17 give it.
 *
 * @param lines without the codes in front of them
 * @returns addresses of the peers that are heard
 */
export function parseBfdSessions(lines: readonly string[]): Set<string> {
  return new Set(lines.flatMap((line) => /^([0-9a-f.:]+)\s+\S+\s+Up\s/.exec(line)?.[1] ?? []));
}

/**
 * Reads the answer to `show protocols all`, as bird(8) 2.0 to 2.17 give it.
 *
 * @param lines without the codes in front of them
 */
export function parseProtocols(lines: readonly string[]): BirdProtocol[] {
  const protocols: BirdProtocol[] = [];
  for (const line of lines) {
    const [, name, kind, since, info = ''] = /^(\S+)\s+(\S+)\s+\S+\s+\S+\s+(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\S*\s*(.*)$/.exec(line) ?? [];
    if (name !== undefined && since !== undefined) {
      // Details of other protocols are not those of the session before.
      protocols.push({ name, state: kind === 'BGP' ? (info.split(/\s/, 1)[0] ?? '') : '', since, routes: { in: 0, out: 0 } });
      continue;
    }
    const current = protocols.at(-1);
    if (current === undefined) continue;
    const [, key, value] = /^\s+([A-Za-z ]+):\s+(.*)$/.exec(line) ?? [];
    if (key === 'BGP state') current.state = value!;
    else if (key === 'Last error') current.error = value!.trim();
    else if (key === 'Routes') {
      const count = (what: string) => Number(new RegExp(`(\\d+) ${what}`).exec(value!)?.[1] ?? 0);
      // One line for each family that the session carries.
      current.routes = { in: current.routes.in + count('imported'), out: current.routes.out + count('exported') };
    }
  }
  return protocols.filter(({ state }) => state !== '');
}
