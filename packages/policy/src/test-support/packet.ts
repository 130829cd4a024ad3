import { type Family, familyOf } from '@weir/resources';

/** A packet by numbers, as a header has it. Ports and ICMP fields are there only for protocols that have them. */
export interface Packet {
  source: string;
  destination: string;
  protocol: number;
  sourcePort?: number;
  destinationPort?: number;
  icmpType?: number;
  icmpCode?: number;
}

export function packetFamily(packet: Packet): Family {
  return familyOf(packet.source);
}
