/** Pure: which of the flows that the hosts recorded would meet another verdict. */
import type { Flow } from '@weir/policy';
import type { FlowEnd, FlowReason, FlowRecord } from '@weir/resources';
import type { FlowJudge } from './flow-judge.ts';

/** One for each pair of addresses, protocol and port of the destination. */
export interface ChangedFlow extends Pick<FlowRecord, 'source' | 'destination' | 'protocol' | 'destinationPort' | 'icmpType' | 'icmpCode'> {
  /** When it was last seen, ISO 8601. */
  end: string;
  /** That the hosts told of. */
  packets: number;
  before: Outcome;
  after: Outcome;
}

export interface Outcome {
  verdict: 'Allow' | 'Deny';
  because: FlowReason;
}

export interface FlowChanges {
  changed: ChangedFlow[];
  /** Flows that were judged, by both. */
  judged: number;
  /** Flows of endpoints whose address is by now nobody's, or another's: what would become of them cannot be told. */
  gone: number;
}

/**
 * Judges what was recorded by the policy of now and by the changed one; what was said of it when it was recorded does not count.
 * Records have no source port: a rule that asks for one is taken not to match.
 *
 * @param records of all hosts; one flow may be in many
 */
export function changedFlows(records: readonly FlowRecord[], before: FlowJudge, after: FlowJudge): FlowChanges {
  const flows = Map.groupBy(
    // What was logged is told of again, with what became of it.
    records.filter(({ verdict }) => verdict !== 'Log'),
    ({ source, destination, protocol, destinationPort, icmpType, icmpCode }) =>
      [source.address, destination.address, protocol, destinationPort, icmpType, icmpCode].join(' '),
  );
  const changed: ChangedFlow[] = [];
  let gone = 0;
  for (const same of flows.values()) {
    const last = same.reduce((one, other) => (other.end > one.end ? other : one));
    if (!isStillThere(last.source, before) || !isStillThere(last.destination, before)) {
      gone += 1;
      continue;
    }
    const { source, destination, protocol, destinationPort, icmpType, icmpCode, end } = last;
    const [now, then] = [before, after].map((judge) => outcome(last, judge)) as [Outcome, Outcome];
    if (now.verdict === then.verdict) continue;
    changed.push({
      source,
      destination,
      protocol,
      ...(destinationPort !== undefined && { destinationPort }),
      ...(icmpType !== undefined && { icmpType, icmpCode: icmpCode! }),
      end,
      packets: same.reduce((sum, { packets }) => sum + packets, 0),
      before: now,
      after: then,
    });
  }
  changed.sort((left, right) => right.packets - left.packets || (left.end < right.end ? 1 : -1));
  return { changed, judged: flows.size - gone, gone };
}

function isStillThere({ address, endpoint }: FlowEnd, { calculator }: FlowJudge): boolean {
  const now = calculator.partyAt(address).endpoint;
  return now?.namespace === endpoint?.namespace && now?.name === endpoint?.name;
}

function outcome(record: FlowRecord, judge: FlowJudge): Outcome {
  const { verdict, because } = judge.decide(flowOf(record));
  const { endpoint: _, passedBy: __, forwarded: ___, ...reason } = because;
  return { verdict, because: reason };
}

function flowOf({ source, destination, protocol, destinationPort, icmpType, icmpCode }: FlowRecord): Flow {
  return {
    source: source.address,
    destination: destination.address,
    protocol: protocol as Flow['protocol'],
    ...(destinationPort !== undefined && { destinationPort }),
    ...(icmpType !== undefined && { icmpType, icmpCode: icmpCode! }),
  };
}
