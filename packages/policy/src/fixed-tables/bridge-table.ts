import { type BaseTable, fixedTable } from '../statements/fixed-table.ts';
import { DISCOVERY_SET, TOO_OFTEN } from './discovery-rate.ts';

/** What neighbours say to each other on one link; no router forwards it, so its hop limit is whole (RFC 4861 §6.1, §7.1). */
const discovery = (...types: string[]): string => `ip6 hoplimit 255 icmpv6 type { ${types.join(', ')} }`;

const UNSEEN = 'ether type { 8021q, 8021ad } drop comment "the table inet weir does not see into tagged frames"';

/**
 * The table `bridge weir`, for interfaces that policy is over and that are ports of a bridge. The table `inet weir` sees their packets as
 * the bridge's, and knows an endpoint there by its address; this one sees to it that each port has the addresses of its endpoint and no
 * others, in both directions. It looks at each frame by itself and decides nothing else.
 */
export function bridgeTable(): BaseTable {
  return fixedTable('bridge weir', {
    sets: [
      'set port { type ifname; comment "interfaces that policy is over"; }',
      'set address4 { type ifname . ipv4_addr; comment "who has which address"; }',
      'set address6 { type ifname . ipv6_addr; comment "who has which address"; }',
      // nft 1.0.6 has no name for the target address of neighbour discovery.
      'set target6 { typeof iifname . @th,64,128; comment "who may say that it has which address"; }',
      'set source_mac { type ifname . ether_addr; comment "who may send from which hardware address"; }',
      DISCOVERY_SET,
      'set any_mac { type ifname; comment "whose hardware address is not known"; }',
    ],
    rawSets: ['target6'],
    chains: {
      // Before br_netfilter, which shows the packet to the table inet weir (NF_BR_PRI_BRNF, linux/netfilter_bridge.h).
      prerouting: { hook: 'filter hook prerouting priority dstnat', rules: ['iifname @port jump from_port'] },
      forward: { hook: 'filter hook forward priority filter', rules: [`iifname @port ${UNSEEN}`, 'oifname @port jump to_port'] },
      output: { hook: 'filter hook output priority filter', rules: ['oifname @port jump to_port'] },
      from_port: {
        rules: [
          'iifname . ether saddr != @source_mac iifname != @any_mac drop comment "not the hardware address of this interface"',
          'ether type != { ip, ip6, arp } drop comment "nothing that policy does not see"',
          'ip daddr 127.0.0.0/8 drop comment "no container reaches the loopback of its host"',
          'iifname . ip saddr @address4 return',
          'iifname . arp saddr ip @address4 return',
          'arp operation request arp saddr ip 0.0.0.0 return comment "whether somebody has its address (RFC 5227)"',
          `${discovery('nd-neighbor-advert')} iifname . @th,64,128 @target6 return`,
          `${discovery('nd-neighbor-advert')} @th,64,10 0x3fa return comment "of a link-local address, which has no traffic but this"`,
          'icmpv6 type { nd-neighbor-advert, nd-router-advert, nd-redirect } drop comment "a container is nobody else, and no router"',
          'iifname . ip6 saddr @address6 return',
          `ip6 saddr { ::, fe80::/10 } ${discovery('nd-router-solicit', 'nd-neighbor-solicit')} ${TOO_OFTEN}`,
          `ip6 saddr { ::, fe80::/10 } ${discovery('nd-router-solicit', 'nd-neighbor-solicit')} return`,
          'ip6 saddr { ::, fe80::/10 } icmpv6 type { mld-listener-report, mld-listener-done, mld2-listener-report } return comment "which groups of neighbours it is in"',
          'drop comment "not an address of this interface"',
        ],
      },
      to_port: {
        rules: [
          UNSEEN,
          'ether type arp return',
          'oifname . ip daddr @address4 return',
          'oifname . ip6 daddr @address6 return',
          `${discovery('nd-router-solicit', 'nd-router-advert', 'nd-neighbor-solicit', 'nd-neighbor-advert')} return`,
          'icmpv6 type mld-listener-query return',
          'drop comment "not an address of this interface"',
        ],
      },
    },
  });
}
