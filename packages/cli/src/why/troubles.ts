/** What policy does not tell: what is wrong, by what their agents say, on the hosts of a flow. */
import type { Store } from '@weir/datastore';
import { withMtuProblems } from '../node/mtu-problems.ts';
import { presentAgents } from '../node/presence.ts';
import { objectsOf, type PolicyState } from './policy-state.ts';
import type { Trace } from './trace.ts';

export interface Trouble {
  host: string;
  problem: string;
}

export async function troublesOnWay({ hosts: passed }: Pick<Trace, 'hosts'>, state: PolicyState, store: Store): Promise<Trouble[]> {
  const known = objectsOf(state, 'Host');
  const agents = withMtuProblems(await presentAgents(store), known);
  const hosts = new Set(known.map(({ metadata }) => metadata.name));
  return passed.flatMap((host) => {
    if (!hosts.has(host)) return [];
    const agent = agents.get(host);
    const problems = agent === undefined ? ['its agent gives no sign of life: it or the host is down'] : (agent.problems ?? []);
    return problems.map((problem) => ({ host, problem }));
  });
}

export function formatTroubles(troubles: readonly Trouble[]): string {
  if (troubles.length === 0) return '';
  return `\nNot of policy, but on the way:\n${troubles.map(({ host, problem }) => `  ${host}: ${problem}\n`).join('')}`;
}
