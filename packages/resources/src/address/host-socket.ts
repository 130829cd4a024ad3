import type { HostPort } from '../kinds/host-port.ts';
import { type Family, familyOf } from './address.ts';

/** A port of a host, in one family, and where in a container it leads. */
export interface HostSocket {
  family: Family;
  /** Absent: every address of the host. */
  address?: string;
  protocol: HostPort['protocol'];
  port: number;
  target: { address: string; port: number };
}

const UNSPECIFIED = ['0.0.0.0', '::'];

/**
 * What an endpoint takes of its host. A mapping leads to the container's first address of each family that it is for; of a family that
 * the container has no address of, nothing is taken.
 */
export function hostSockets({
  addresses,
  hostPorts = [],
}: {
  addresses: readonly string[];
  hostPorts?: readonly HostPort[];
}): HostSocket[] {
  const families: readonly Family[] = ['IPv4', 'IPv6'];
  const targets = families.flatMap((family) => addresses.find((address) => familyOf(address) === family) ?? []);
  return hostPorts.flatMap(({ hostIP, hostPort, containerPort, protocol }) =>
    targets.flatMap((target): HostSocket[] => {
      const family = familyOf(target);
      if (hostIP !== undefined && familyOf(hostIP) !== family) return [];
      const address = hostIP === undefined || UNSPECIFIED.includes(hostIP) ? {} : { address: hostIP };
      return [{ family, ...address, protocol, port: hostPort, target: { address: target, port: containerPort } }];
    }),
  );
}

/** Whether a packet could be for both: as with `bind`, every address and one of them are in each other's way. */
export function socketsOverlap(left: HostSocket, right: HostSocket): boolean {
  if (left.family !== right.family || left.protocol !== right.protocol || left.port !== right.port) return false;
  return left.address === undefined || right.address === undefined || left.address === right.address;
}

/** As in `TCP 10.0.0.1:8080`, `UDP [fd00::1]:53`, `TCP 0.0.0.0:80`. */
export function socketText({ family, address = family === 'IPv4' ? '0.0.0.0' : '::', protocol, port }: HostSocket): string {
  return `${protocol} ${family === 'IPv4' ? address : `[${address}]`}:${port}`;
}
