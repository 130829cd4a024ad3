import { DENIALS } from '../program/packet-log.ts';

/** Packets that belong to no flow, and begin none. */
export const UNSOUND = [
  `ct state invalid goto ${DENIALS.state}`,
  `ct state new tcp flags & (fin | syn | rst | ack) != syn goto ${DENIALS.state} comment "a flow that was cut does not come back in mid-stream"`,
];
