import { type Direction, failsafePorts, type HostSpec } from '@weir/resources';
import type { PortNumber } from './traffic.ts';

const NUMBERS: Readonly<Record<string, number>> = { tcp: 6, udp: 17 };

/** As agents take them where their configuration says nothing else: IANA's, and flannel's own. */
const USUAL_TUNNEL_PORTS = { vxlan: 4789, flannel: 8472 };

/**
 * The ports of a host's tunnels, which its base table lets in and out whatever its failsafe ports are. The store tells Weir's once a pool wants
 * tunnels, and of flannel's only that there are some.
 */
export function tunnelNumbers({ vxlan, flannel }: Pick<HostSpec, 'vxlan' | 'flannel'>): PortNumber[] {
  const ports = [vxlan?.port ?? USUAL_TUNNEL_PORTS.vxlan, ...(flannel === undefined ? [] : [USUAL_TUNNEL_PORTS.flannel])];
  return ports.map((port) => ({ protocol: NUMBERS.udp!, port }));
}

/** The failsafe ports of a host in a direction, as packets have them. */
export function failsafeNumbers(spec: Pick<HostSpec, 'failsafePorts'>, direction: Direction): PortNumber[] {
  const { inbound, outbound } = failsafePorts(spec);
  return (direction === 'Ingress' ? inbound : outbound).map((text) => {
    const [protocol = '', port] = text.split('/');
    return { protocol: NUMBERS[protocol]!, port: Number(port) };
  });
}
