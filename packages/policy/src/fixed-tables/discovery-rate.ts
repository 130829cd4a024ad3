/**
 * How often a container may look for neighbours. Its only one is its host, whose entry is permanent; each name that it gives itself is an entry of its own
 * in the host's table of neighbours, which has room for some hundred of all containers and the network (`net.ipv6.neigh.default.gc_thresh3`).
 */
export const DISCOVERY_SET =
  'set discovery_rate { type iface_index; flags dynamic,timeout; timeout 30s; size 4096; comment "who looks for neighbours, and how often"; }';

/** Ends a rule that matches what looks for neighbours. */
export const TOO_OFTEN =
  'add @discovery_rate { iif limit rate over 2/second burst 20 packets } drop comment "one container does not fill the table of neighbours"';
