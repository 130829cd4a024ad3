import { type Direction, failsafePorts, type HostSpec } from '@weir/resources';
import type { PortNumber } from './traffic.ts';

const NUMBERS: Readonly<Record<string, number>> = { tcp: 6, udp: 17 };

/** The failsafe ports of a host in a direction, as packets have them. */
export function failsafeNumbers(spec: Pick<HostSpec, 'failsafePorts'>, direction: Direction): PortNumber[] {
  const { inbound, outbound } = failsafePorts(spec);
  return (direction === 'Ingress' ? inbound : outbound).map((text) => {
    const [protocol = '', port] = text.split('/');
    return { protocol: NUMBERS[protocol]!, port: Number(port) };
  });
}
