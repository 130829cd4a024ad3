import { type FlowQuery, flowEndTest, formatSelector, SelectorError, splitNamespace, ValidationError } from '@weir/resources';
import { CliError } from '../cli-error.ts';
import { parseLabelSelector } from '../objects/label-selector.ts';

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };

export interface FlowFlags {
  follow: boolean;
  denied: boolean;
  staged?: boolean;
  from?: string | undefined;
  to?: string | undefined;
  since: string;
  limit: number;
}

/**
 * What the flags ask for.
 * @param now ms since 1970
 * @throws CliError EUSAGE
 */
export function flowQuery({ follow, denied, staged, from, to, since, limit }: FlowFlags, now: number): FlowQuery {
  return {
    follow,
    denied,
    ...(staged && { staged }),
    limit,
    since: new Date(sinceWhen(since, now)).toISOString(),
    ...(from !== undefined && { from: endText(from, '--from') }),
    ...(to !== undefined && { to: endText(to, '--to') }),
  };
}

function sinceWhen(text: string, now: number): number {
  const [, amount, unit] = /^(\d+)([smh])$/.exec(text) ?? [];
  // What is no date of ISO 8601, such as a number without a unit, Date takes for some year all the same.
  const date = /^\d{4}-\d{2}-\d{2}([T ]|$)/.test(text) ? Date.parse(text) : Number.NaN;
  const time = amount === undefined ? date : now - Number(amount) * UNITS[unit!]!;
  if (Number.isNaN(time) || !Number.isFinite(time) || Math.abs(time) > 8.64e15)
    throw new CliError('EUSAGE', `--since "${text}" is no time: write 30s, 10m, 1h, or 2026-01-31T12:00:00Z`);
  return time;
}

/** As agents take it: they know no short form. */
function endText(text: string, flag: string): string {
  try {
    flowEndTest(text);
    return text;
  } catch (error) {
    if (error instanceof SelectorError) {
      const { namespace, rest = text } = splitNamespace(text) ?? {};
      return `${namespace === undefined ? '' : `${namespace}/`}${formatSelector(parseLabelSelector(rest))}`;
    }
    if (!(error instanceof ValidationError)) throw error;
    throw new CliError('EUSAGE', `${flag}: ${error.message}`, { cause: error });
  }
}
