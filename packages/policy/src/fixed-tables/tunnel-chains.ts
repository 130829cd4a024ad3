import { DENIALS } from '../program/packet-log.ts';
import type { FixedChain } from '../statements/fixed-table.ts';
import { FAMILIES } from './address-families.ts';

/** How tunnels look on the wire: UDP port and VXLAN network number. */
export interface TunnelPackets {
  port: number;
  vni: number;
}

/** Rules for packets of tunnels that come to the host. */
export function tunnelJumps(vxlan: TunnelPackets, flannel: TunnelPackets | undefined): string[] {
  return [`udp dport ${vxlan.port} jump tunnels`, ...(flannel === undefined ? [] : [`udp dport ${flannel.port} jump flannel_tunnels`])];
}

/** VXLAN's header follows UDP's 8 bytes: flags of 32 bits, then the VNI (RFC 7348 §5). */
export const ofNetwork = (vni: number): string => `@th,96,24 ${vni}`;

export function tunnelsFrom(ends: 'hosts' | 'flannel', { vni }: TunnelPackets): FixedChain {
  return {
    rules: [
      ...FAMILIES.map(({ ip, version }) => `${ip} saddr @${ends}${version} accept comment "a tunnel"`),
      `${ofNetwork(vni)} goto ${DENIALS.tunnel} comment "tunnels of a network come from its hosts"`,
    ],
  };
}
