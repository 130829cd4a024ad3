import { sysctl } from '@weir/kernel';
import { cidrContains, type Endpoint, hostSockets } from '@weir/resources';

const LOOPBACK = '127.0.0.0/8';

/**
 * Lets `127.0.0.1:<host port>` lead out of the host to this one container: without the parameter (ip-sysctl.rst, route_localnet) the kernel
 * routes nothing of 127.0.0.0/8 over a link. It goes with the link, and what a container sends to these addresses is dropped by the
 * base table.
 */
export function openLoopback({ spec }: Endpoint): void {
  const isWanted = hostSockets(spec).some(
    ({ family, address }) => family === 'IPv4' && (address === undefined || cidrContains(LOOPBACK, address)),
  );
  // On a bridge it would hold for whoever else is there.
  if (isWanted && spec.bridge === undefined) sysctl(`net/ipv4/conf/${spec.hostInterface}/route_localnet`, 1);
}
