import type { Endpoint } from '@weir/resources';
import { familyOf, type Result } from './result.ts';

/**
 * The chain's result as far as an Endpoint remembers it. Mesos keeps no results, but foreign plugins (firewall is one) need theirs to
 * find on DEL what they made on ADD.
 * @param namespace path of the container's network namespace, while it is there
 */
export function resultOfEndpoint({ spec }: Endpoint, namespace: string | undefined): Result {
  return {
    interfaces: [{ name: spec.hostInterface }, { name: spec.interfaceName, mac: spec.mac, sandbox: namespace ?? '' }],
    ips: spec.addresses.map((address) => ({ address: `${address}/${familyOf(address) === '4' ? 32 : 128}`, interface: 1 })),
    routes: [],
    dns: {},
  };
}
