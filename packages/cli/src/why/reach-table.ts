/** Who may talk to whom, by groups of endpoints with the same labels. */
import { type Participant, type Passage, type Reach, reach, trafficText } from '@weir/policy';
import { cidrContains, type Endpoint, type HostEndpoint } from '@weir/resources';
import { formatLabels, formatOwnLabels } from '../output/columns.ts';
import { type Column, renderTable } from '../output/table.ts';
import { type FlowEnd, findEnds, hostEnd, OUTSIDE, strangers } from './flow-end.ts';
import type { FlowJudge } from './flow-judge.ts';
import { addressesOfHost, hostEndpointFor } from './host-ends.ts';
import { endpointsOf, objectsOf, type PolicyState } from './policy-state.ts';
import { labelsThere, type RemoteEnd, remoteEnds } from './remote-ends.ts';

/** What one group may send to another; one row more where it is not the same for all of their addresses. */
export interface ReachRow {
  from: string;
  to: string;
  /** In words, one for each state that was asked about. */
  traffic: string[];
  /** Pairs of addresses that it is so for, of all of the two groups. */
  pairs: number;
  of: number;
  families: string[];
}

export interface ReachOptions {
  /** Names of the labels that make a group; absent: all of them. */
  by?: readonly string[] | undefined;
  /** Whom the rows may begin, or end, with, as `findEnds` takes them. */
  from?: string | undefined;
  to?: string | undefined;
  /** Of endpoints on both ends. Absent: all. */
  namespace?: string | undefined;
}

/** @param judges of the states to compare; their endpoints are those of `state` */
export function reachRows(judges: readonly FlowJudge[], state: PolicyState, options: ReachOptions = {}): ReachRow[] {
  const endpoints = endpointsOf(state).filter(
    ({ metadata }) => options.namespace === undefined || metadata.namespace === options.namespace,
  );
  const groupOf = groupNaming(options.by);
  const hosts = options.namespace === undefined ? hostsUnderPolicy(judges) : [];
  const pools = objectsOf(state, 'Pool').map(({ spec }) => spec.cidr);
  const remote = remoteEnds(state).filter(
    ({ remote: { metadata } }) => options.namespace === undefined || metadata.namespace === options.namespace,
  );
  const remoteGroup = ({ remote: other }: RemoteEnd) =>
    `${other.spec.cluster}:${groupOf({ metadata: { ...other.metadata, labels: labelsThere(other) } })}`;
  const elsewhere = new Set([OUTSIDE, ...remote.map(remoteGroup)]);
  const everybody: Located[] = [
    ...endpoints.flatMap((endpoint) => located(endpoint, groupOf(endpoint), pools)),
    ...hosts.flatMap(({ host, state: own, endpoint }) =>
      addressesOfHost(host, own).map((address): Located => {
        const site = { host, isHost: true, kind: '' };
        return { address, group: groupOf(endpoint), site, end: hostEnd(address, host, own) };
      }),
    ),
    ...remote.map((end) => ({ address: end.address, group: remoteGroup(end), end })),
    ...strangers(state).map((address) => ({ address, group: OUTSIDE, end: { address } })),
  ];
  const groupOfEnd = ({ endpoint, remote: other, host, address }: FlowEnd) => {
    if (other !== undefined) return remoteGroup({ address, remote: other });
    const labelled = endpoint ?? hosts.find((one) => one.host === host)?.endpoint;
    return labelled && groupOf(labelled);
  };
  const [from, to] = [options.from, options.to].map((text) => groupsTaken(text, { state, namespace: options.namespace, groupOfEnd }));
  const calculators = judges.map(({ calculator }) => calculator);
  const passage = judges.some(({ hasHostEndpoints }) => hasHostEndpoints) ? passageOf(judges) : undefined;
  const isAsked = (row: Reach) => from!(row.from) && to!(row.to) && !(elsewhere.has(row.from) && elsewhere.has(row.to));
  return merged(reach(calculators, everybody, passage).filter(isAsked)).sort(byName);
}

/** The rows of `reach` of two states that differ. */
export function changedRows(before: FlowJudge, after: FlowJudge, state: PolicyState, options: ReachOptions = {}): ReachRow[] {
  return reachRows([before, after], state, options).filter(({ traffic: [one, other] }) => one !== other);
}

export function formatWho(rows: readonly ReachRow[], width: number): string {
  const columns: Column<ReachRow>[] = [FROM, TO, { header: 'MAY-SEND', value: ({ traffic }) => traffic[0]!, shrinks: true }];
  return renderTable(withRemark(columns, rows), rows, width);
}

export function formatChanges(rows: readonly ReachRow[], width: number): string {
  const columns: Column<ReachRow>[] = [
    FROM,
    TO,
    { header: 'BEFORE', value: ({ traffic }) => traffic[0]!, shrinks: true },
    { header: 'AFTER', value: ({ traffic }) => traffic[1]!, shrinks: true },
  ];
  return renderTable(withRemark(columns, rows), rows, width);
}

const FROM: Column<ReachRow> = { header: 'FROM', value: ({ from }) => from, shrinks: true };
const TO: Column<ReachRow> = { header: 'TO', value: ({ to }) => to, shrinks: true };

/** Which of the addresses a row is about, where that is not all. */
function withRemark(columns: Column<ReachRow>[], rows: readonly ReachRow[]): Column<ReachRow>[] {
  const isPart = ({ pairs, of }: ReachRow) => pairs < of;
  const value = (row: ReachRow) => (isPart(row) ? `${row.pairs} of ${row.of} pairs (${row.families.join(', ')})` : 'all');
  return rows.some(isPart) ? [...columns, { header: 'FOR', value }] : columns;
}

interface Located extends Participant {
  readonly end: FlowEnd;
}

function located(endpoint: Endpoint, group: string, pools: readonly string[]): Located[] {
  const { host, addresses } = endpoint.spec;
  const poolOf = (address: string) => pools.find((cidr) => cidrContains(cidr, address)) ?? '';
  return addresses.map((address) => ({
    address,
    group,
    site: { host, isHost: false, kind: poolOf(address) },
    end: { address, endpoint },
  }));
}

/** Hosts that have endpoints of their own in one of the states, with one of these. */
function hostsUnderPolicy(judges: readonly FlowJudge[]): { host: string; state: PolicyState; endpoint: HostEndpoint }[] {
  const found = new Map<string, { host: string; state: PolicyState; endpoint: HostEndpoint }>();
  for (const { state } of judges) {
    for (const { spec } of objectsOf(state, 'HostEndpoint')) {
      const endpoint = hostEndpointFor(spec.host, state, {});
      if (endpoint !== undefined) found.set(spec.host, { host: spec.host, state, endpoint });
    }
  }
  return [...found.values()];
}

function passageOf(judges: readonly FlowJudge[]): Passage {
  return { between: (from, to, index) => judges[index]!.passage({ from: (from as Located).end, to: (to as Located).end }) };
}

/** Hosts are in no namespace: theirs reads `hosts/`. */
function groupNaming(by?: readonly string[]): (endpoint: Pick<Endpoint, 'metadata'>) => string {
  return ({ metadata: { namespace = 'hosts', labels } }) => {
    if (by === undefined) return `${namespace}/${formatOwnLabels(labels)}`;
    return `${namespace}/${formatLabels(Object.fromEntries(Object.entries(labels).filter(([key]) => by.includes(key))))}`;
  };
}

/** @throws CliError EUSAGE, ENOTFOUND */
function groupsTaken(
  text: string | undefined,
  of: { state: PolicyState; namespace: string | undefined; groupOfEnd: (end: FlowEnd) => string | undefined },
): (group: string) => boolean {
  if (text === undefined) return () => true;
  const taken = text === OUTSIDE ? new Set([OUTSIDE]) : new Set(findEnds(text, of.state, of.namespace).map(of.groupOfEnd));
  return (group) => taken.has(group);
}

/** Rows that read the same are one, whatever family they are of. */
function merged(rows: readonly Reach[]): ReachRow[] {
  const all = new Map<string, number>();
  const found = new Map<string, ReachRow>();
  for (const row of rows) {
    const { from, to, pairs } = row;
    const traffic = row.traffic.map(trafficText);
    const ends = `${from}\n${to}`;
    all.set(ends, (all.get(ends) ?? 0) + pairs);
    const key = [ends, ...traffic].join('\n');
    const { family } = row.traffic[0]!;
    const known = found.get(key);
    if (known === undefined) found.set(key, { from, to, traffic, pairs, of: 0, families: [family] });
    else found.set(key, { ...known, pairs: known.pairs + pairs, families: [...new Set([...known.families, family])] });
  }
  return [...found.values()].map((row) => ({ ...row, of: all.get(`${row.from}\n${row.to}`)! }));
}

function byName(left: ReachRow, right: ReachRow): number {
  const [one, other] = [left, right].map(({ from, to, traffic }) => [from, to, ...traffic].join('\n')) as [string, string];
  return one < other ? -1 : one > other ? 1 : 0;
}
