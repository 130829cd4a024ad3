import type { Pending, TableChange } from '@weir/kernel';
import type { Statement } from '@weir/policy';

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
  for (const [key, statement] of pending.set) {
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
