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
  /** Of its interface between the hosts, in bytes; absent where it is not known, and from an older agent. */
  mtu?: number;
  /** A flanneld leads to the hosts of a flannel network, which this host itself has not joined. */
  flanneld?: true;
}

export async function isAgentPresent(store: Store, host: string): Promise<boolean> {
  return (await store.get(presenceKey(host))) !== undefined;
}

/** The running agents, by the names of their hosts. */
export async function presentAgents(store: Store): Promise<Map<string, AgentPresence>> {
  const { entries } = await store.list(presenceKey());
  return new Map(entries.map(({ key, value }) => [key.slice(presenceKey().length), JSON.parse(value) as AgentPresence]));
}

/** Names of the hosts on which a flanneld looks after the flannel network. */
export function flanneldHosts(agents: ReadonlyMap<string, AgentPresence>): Set<string> {
  return new Set([...agents].filter(([, { flanneld }]) => flanneld === true).map(([name]) => name));
}
