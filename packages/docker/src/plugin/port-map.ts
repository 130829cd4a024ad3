import { familyOf, type HostPort } from '@weir/resources';
import { z } from 'zod';
import { DockerError } from '../docker-error.ts';
import { NETLABEL } from './remote-api.ts';

/** Numbers of IP protocols, as libnetwork has them. */
const PROTOCOLS: Record<number, HostPort['protocol']> = { 6: 'TCP', 17: 'UDP', 132: 'SCTP' };

/** Every address of the host, by family. */
const EVERY = new Map([
  ['0.0.0.0', 'IPv4'],
  ['::', 'IPv6'],
]);

const port = z.int().min(0).max(65535).default(0);
const schema = z
  .array(z.looseObject({ Proto: z.int(), Port: port, HostIP: z.string().nullish(), HostPort: port, HostPortEnd: port }))
  .nullish();

/**
 * Pure: the ports of the host that lead to the container (`docker run -p`). Throws DockerError EREQUEST for one whose number Docker leaves to the driver.
 *
 * @param addresses the container's: every address of the host, as Docker has it, is one of both families
 */
export function hostPortsOf(options: Record<string, unknown>, addresses: readonly string[]): HostPort[] {
  const parsed = schema.safeParse(options[NETLABEL.portMap]);
  if (!parsed.success) throw new DockerError('EREQUEST', `port mappings that cannot be read: ${z.prettifyError(parsed.error)}`);
  const absent = [...EVERY].filter(([, family]) => !addresses.some((address) => familyOf(address) === family)).map(([every]) => every);
  const wanted = (parsed.data ?? []).filter(({ HostIP }) => !absent.includes(HostIP ?? ''));
  return wanted.map(({ Proto, Port, HostIP, HostPort: hostPort, HostPortEnd }) => {
    const protocol = PROTOCOLS[Proto];
    if (protocol === undefined) throw new DockerError('EREQUEST', `port ${Port}: protocol ${Proto} has no ports`);
    // Docker would have no way to tell the user which one it became: `docker port` asks its own drivers alone.
    if (hostPort === 0 || (HostPortEnd !== 0 && HostPortEnd !== hostPort))
      throw new DockerError('EREQUEST', `port ${Port} of the container: say one port of the host, as in -p 8080:${Port}`);
    return { ...(HostIP ? { hostIP: HostIP } : {}), hostPort, containerPort: Port, protocol };
  });
}
