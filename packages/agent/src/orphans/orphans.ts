/** Pure: which endpoints, links and addresses of this host belong to nothing that lives. */
import type { Endpoint } from '@weir/resources';
import { type Owner, ownerKey } from '../calls/attachments.ts';

export interface Found {
  /** This host's endpoints in the store. */
  endpoints: Endpoint[];
  /** Names of the interfaces that exist in the host's namespace and in those of its networks. */
  links: Set<string>;
  /** Addresses that this host holds, and for whom. */
  held: (Owner & { address: string; namespace?: string })[];
  /** False when nothing is mounted at the path any more: the container is gone, or the machine was started anew. */
  isNamespace: (path: string) => boolean;
  /** True while a CNI call for the interface is under way: it will end in a sound state by itself. */
  isBusy: (owner: Owner) => boolean;
}

export interface Orphans {
  /** Endpoints whose interface is gone: after a reboot, or a container that died without DEL. */
  endpoints: Endpoint[];
  /** Our interfaces that no endpoint knows: an ADD that was killed half-way. */
  links: string[];
  /** Owners of addresses without an endpoint and without a namespace. */
  owners: Owner[];
}

/** @param policyPrefix names of interfaces that always have an endpoint begin with it */
export function findOrphans(found: Found, policyPrefix: string): Orphans {
  const endpoints = found.endpoints.filter((endpoint) => !found.links.has(endpoint.spec.hostInterface) && !found.isBusy(endpoint.spec));
  const known = new Set(found.endpoints.map((endpoint) => endpoint.spec.hostInterface));
  const attached = new Set(found.endpoints.map((endpoint) => ownerKey(endpoint.spec)));
  const owners = new Map<string, Owner>();
  for (const { containerId, interfaceName, namespace } of found.held) {
    const owner = { containerId, interfaceName };
    if (attached.has(ownerKey(owner)) || found.isBusy(owner)) continue;
    // An address given to somebody else's plugin has no endpoint; its container's namespace is the sign of life.
    if (namespace === undefined || found.isNamespace(namespace)) continue;
    owners.set(ownerKey(owner), owner);
  }
  return {
    endpoints,
    links: [...found.links].filter((link) => link.startsWith(policyPrefix) && !known.has(link)),
    owners: [...owners.values()],
  };
}
