import type { Pending, TableChange } from '@weir/kernel';
import { IntervalList, type IntervalsStatement, intervalDifference, type Statement } from '@weir/policy';

/**
 * What makes an nftables table what it should be, in an order that the kernel takes in one transaction: whatever is named is there
 * already, and whatever goes is named no more. New chains and maps come first, then their rules, then the elements that lead there; what
 * nothing leads to any more goes last. Pure.
 *
 * @param actual what the pending statements are now, by key
 */
export function tableChanges(pending: Pending<string, Statement>, actual: ReadonlyMap<string, Statement>): TableChange[] {
  const removed = [...pending.delete].map((key) => actual.get(key)!);
  const structure: TableChange[] = [];
  const rules: TableChange[] = [];
  const elements: TableChange[] = removed.flatMap((statement) => (statement.kind === 'element' ? [{ op: 'delete', ...statement }] : []));
  // Those of a set that goes go with it.
  for (const statement of removed) {
    if (statement.kind === 'intervals' && !pending.delete.has(`map/${statement.set}`))
      elements.push(...intervalChanges(statement, undefined));
  }
  for (const statement of removed) if (statement.kind === 'rules') rules.push({ kind: 'rules', op: 'delete', chain: statement.chain });
  for (const [key, statement] of pending.set) {
    if (statement.kind === 'rules') {
      if (actual.has(key)) rules.push({ kind: 'rules', op: 'delete', chain: statement.chain });
      rules.push({ kind: 'rules', op: 'add', chain: statement.chain, rules: statement.rules! });
      continue;
    }
    if (statement.kind === 'intervals') {
      const present = actual.get(key);
      elements.push(...intervalChanges(present?.kind === 'intervals' ? present : undefined, statement));
      continue;
    }
    if (statement.kind === 'element') {
      const present = actual.get(key);
      if (present?.kind === 'element') elements.push({ op: 'delete', ...present });
      elements.push({ op: 'add', ...statement });
      continue;
    }
    structure.push({ op: 'add', ...statement });
    if (statement.kind === 'chain') rules.push({ kind: 'rules', op: 'add', chain: statement.name, rules: statement.rules });
  }
  return [...structure, ...rules, ...elements, ...removals(removed)];
}

/** What makes the intervals of one set others. */
function intervalChanges(before: IntervalsStatement | undefined, after: IntervalsStatement | undefined): TableChange[] {
  const { set, intervals } = (after ?? before)!;
  const none = IntervalList.of(intervals.family);
  const { gone, come } = intervalDifference(before?.intervals ?? none, after?.intervals ?? none);
  const changes = [
    { op: 'delete', bytes: gone },
    { op: 'add', bytes: come },
  ] as const;
  const type = intervals.family === 'IPv4' ? 'ipv4_addr' : 'ipv6_addr';
  return changes.flatMap(({ op, bytes }): TableChange[] => (bytes.length === 0 ? [] : [{ kind: 'intervals', op, set, type, bytes }]));
}

/** Rules first: they name maps and other chains that go with them. */
function removals(removed: readonly Statement[]): TableChange[] {
  const chains = removed.flatMap((statement) => (statement.kind === 'chain' ? [statement.name] : []));
  const maps = removed.flatMap((statement) => (statement.kind === 'map' ? [statement.name] : []));
  return [
    ...chains.map((chain): TableChange => ({ kind: 'rules', op: 'delete', chain })),
    ...maps.map((name): TableChange => ({ kind: 'map', op: 'delete', name })),
    ...chains.map((name): TableChange => ({ kind: 'chain', op: 'delete', name })),
  ];
}
