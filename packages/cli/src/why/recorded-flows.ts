/** The flows that the agents of all hosts remember, and how far each of them goes back. */
import type { Store } from '@weir/datastore';
import type { FlowRecord } from '@weir/resources';
import { askFlows } from '../flows/ask-flows.ts';
import type { FlowChanges } from './changed-flows.ts';

/** As far back as agents remember. */
const HOUR = 3_600_000;
const LIMIT = 10_000;
/** A host whose memory begins so much later than asked for, in milliseconds, is told of. */
const SLACK = 60_000;

export interface RecordedFlows {
  records: FlowRecord[];
  /** ISO 8601: what was asked for. */
  since: string;
  /** By host, where its memory begins later: its agent did, or it has had no room for more. ISO 8601. */
  shorter: Record<string, string>;
  /** Hosts that answered. */
  hosts: number;
  /** Hosts whose agents run and did not answer. */
  silent: string[];
  /** Hosts whose agents give no sign of life. */
  down: string[];
  /** Records that the hosts did not tell, since there are too many for one question. */
  dropped: number;
}

/** @param now ms since 1970 */
export async function recordedFlows(store: Store, now: number): Promise<RecordedFlows> {
  const since = new Date(now - HOUR).toISOString();
  const records: FlowRecord[] = [];
  const reach = new Map<string, string>();
  let [silent, down]: [string[], string[]] = [[], []];
  let dropped = 0;
  const query = { since, denied: false, follow: false, limit: LIMIT };
  for await (const event of askFlows(store, query, new AbortController().signal)) {
    if (event.type === 'caughtUp') {
      ({ silent, down } = event);
      continue;
    }
    records.push(...event.records);
    dropped += event.dropped;
    reach.set(event.host, event.reachesTo);
  }
  const isShorter = ([, reachesTo]: [string, string]) => Date.parse(reachesTo) > now - HOUR + SLACK;
  return { records, since, shorter: Object.fromEntries([...reach].filter(isShorter).sort()), hosts: reach.size, silent, down, dropped };
}

/** What was looked at and what not, for people: one line each. */
export function recordedText({ hosts, shorter, silent, down, dropped }: RecordedFlows, { changed, judged, gone }: FlowChanges): string[] {
  if (hosts === 0 && silent.length === 0) return ['no agent runs: there are no recorded flows'];
  return [
    `flows: of ${judged} in the last hour on ${hosts} host${hosts === 1 ? '' : 's'}, ${changed.length} would meet another verdict`,
    ...Object.entries(shorter).map(([host, reachesTo]) => `flows: host ${host} remembers them since ${reachesTo.slice(0, 19)}Z only`),
    ...(gone > 0 ? [`flows: ${gone} more are of endpoints that are gone`] : []),
    ...(dropped > 0 ? [`warning: ${dropped} older records are too many to be told of and were not looked at`] : []),
    ...(silent.length > 0 ? [`warning: no answer from the agents of ${silent.join(', ')}: their flows were not looked at`] : []),
    ...(down.length > 0 ? [`warning: no agent runs on ${down.join(', ')}: what these saw was not looked at`] : []),
  ];
}
