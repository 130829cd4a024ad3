/** `skipped`: could not be looked at, because of something that another check names. */
export type CheckStatus = 'ok' | 'warning' | 'failed' | 'skipped';

export interface Check {
  name: string;
  status: CheckStatus;
  /** What was seen. Never a secret. */
  found: string;
  /** What to do about it. */
  remedy?: string;
}

export function ok(name: string, found: string): Check {
  return { name, status: 'ok', found };
}

export function warning(name: string, found: string, remedy: string): Check {
  return { name, status: 'warning', found, remedy };
}

export function failed(name: string, found: string, remedy: string): Check {
  return { name, status: 'failed', found, remedy };
}

export function skipped(name: string, found: string): Check {
  return { name, status: 'skipped', found };
}

/** For people: a line each, what to do below it, and a sum. */
export function formatChecks(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, status, found, remedy }) => [
    `${status.padEnd(7)}   ${name.padEnd(width)}   ${found.replaceAll(/\s*\n\s*/g, ' ')}`,
    ...(remedy === undefined ? [] : [`${' '.repeat(width + 13)}→ ${remedy}`]),
  ]);
  const counts = Map.groupBy(checks, ({ status }) => status);
  const sum = (['ok', 'warning', 'failed', 'skipped'] as const).map((status) => `${counts.get(status)?.length ?? 0} ${status}`);
  return `${lines.join('\n')}\n\n${sum.join(', ')}\n`;
}
