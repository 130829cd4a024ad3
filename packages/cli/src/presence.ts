import type { Store } from '@weir/datastore';

/** Each running agent keeps a key with its host's name here, on a lease. */
const PRESENCE_PREFIX = '/weir/presence/';

/** What an agent tells of itself. */
export interface AgentPresence {
  version: string;
  /** When it started, ISO 8601. */
  since: string;
}

export async function isAgentPresent(store: Store, host: string): Promise<boolean> {
  return (await store.get(PRESENCE_PREFIX + host)) !== undefined;
}

/** The running agents, by the names of their hosts. */
export async function presentAgents(store: Store): Promise<Map<string, AgentPresence>> {
  const { entries } = await store.list(PRESENCE_PREFIX);
  return new Map(entries.map(({ key, value }) => [key.slice(PRESENCE_PREFIX.length), JSON.parse(value) as AgentPresence]));
}
