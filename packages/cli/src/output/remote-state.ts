/** How a remote cluster's store is read, in a word or two. */
import type { RemoteCluster, RemoteClusterStatus } from '@weir/resources';

export function remoteStatus({ status }: RemoteCluster): RemoteClusterStatus | undefined {
  return status as RemoteClusterStatus | undefined;
}

/** @param agents hosts whose agents give signs of life: what a dead one told last is not how it is */
export function remoteState(cluster: RemoteCluster, agents: ReadonlyMap<string, unknown>): string {
  const status = remoteStatus(cluster);
  if (status === undefined) return 'not read yet';
  const { state, host, since } = status;
  if (!agents.has(host)) return `nobody reads it: the agent of ${host} is down`;
  return state === 'Connected' ? `connected, by ${host}` : `away since ${since}, by ${host}`;
}
