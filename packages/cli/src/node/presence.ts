import type { Store } from '@weir/datastore';
import { presenceKey } from '@weir/resources';
import type { BgpSessionStatus } from '@weir/routing';

/** What an agent tells of itself. */
export interface AgentPresence {
  version: string;
  /** When it started, ISO 8601. */
  since: string;
  /** What is wrong on its host, for people; absent from an older agent. */
  problems?: string[];
  /** Absent where it speaks BGP with nobody. */
  bgp?: BgpSessionStatus[];
}

export async function isAgentPresent(store: Store, host: string): Promise<boolean> {
  return (await store.get(presenceKey(host))) !== undefined;
}

/** The running agents, by the names of their hosts. */
export async function presentAgents(store: Store): Promise<Map<string, AgentPresence>> {
  const { entries } = await store.list(presenceKey());
  return new Map(entries.map(({ key, value }) => [key.slice(presenceKey().length), JSON.parse(value) as AgentPresence]));
}
