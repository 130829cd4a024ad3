import { FAMILIES } from './address-families.ts';
import { DISCOVERY_SET } from './discovery-rate.ts';
import { RECORDING_SETS } from './recording-chains.ts';

/** The sets and maps of the base table. What they hold is calculated. */
export const BASE_SETS: string[] = [
  ...RECORDING_SETS,
  'set adopted { type ifname; comment "interfaces of others that policy is over"; }',
  'set sender4 { type ifname . ether_addr . ipv4_addr; comment "who may send from which hardware address and address"; }',
  'set sender6 { type ifname . ether_addr . ipv6_addr; comment "who may send from which hardware address and address"; }',
  'set source4 { type ifname . ipv4_addr; comment "who may send from which address, where no hardware address is known"; }',
  'set source6 { type ifname . ipv6_addr; comment "who may send from which address, where no hardware address is known"; }',
  'set source_mac { type ifname . ether_addr; comment "who may send from which hardware address"; }',
  'set any_mac { type ifname; comment "whose hardware address is not known"; }',
  ...(['4', '6'] as const).map(
    (version) => `set local${version} { type ipv${version}_addr; comment "containers of this host, each behind its own interface"; }`,
  ),
  DISCOVERY_SET,
  'map from_endpoint { type ifname : verdict; comment "egress policy by interface"; }',
  'map to_endpoint { type ifname : verdict; comment "ingress policy by interface"; }',
  ...(['4', '6'] as const).flatMap((version) => [
    `set bridged${version} { type ipv${version}_addr; comment "endpoints behind bridges, by address"; }`,
    `map from_bridged${version} { type ipv${version}_addr : verdict; comment "their egress policy"; }`,
    `map to_bridged${version} { type ipv${version}_addr : verdict; comment "their ingress policy"; }`,
  ]),
  'map host_port4 { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; comment "ports of one address of this host"; }',
  'map host_port6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; comment "ports of one address of this host"; }',
  'map any_host_port4 { type inet_proto . inet_service : ipv4_addr . inet_service; comment "ports of all addresses of this host"; }',
  'map any_host_port6 { type inet_proto . inet_service : ipv6_addr . inet_service; comment "ports of all addresses of this host"; }',
  ...FAMILIES.flatMap(({ ip, version }) => [
    `map service${version} { type ipv${version}_addr . inet_proto . inet_service : verdict; comment "virtual addresses of services"; }`,
    `map service_port${version} { type inet_proto . inet_service : verdict; comment "ports of all hosts that are services'"; }`,
    // nft takes no rule with a map whose type is that of `th dport`; the type of all ports is one.
    `map backend${version} { typeof ${ip} daddr . meta l4proto . tcp dport . numgen inc mod 2 : ${ip} daddr . tcp dport; comment "to whom services lead"; }`,
    `map port_backend${version} { typeof meta l4proto . tcp dport . numgen inc mod 2 : ${ip} daddr . tcp dport; comment "to whom their ports of the hosts lead"; }`,
    `set far_backend${version} { type ipv${version}_addr . inet_proto . inet_service; comment "those of them on other hosts"; }`,
    `set service_range${version} { type ipv${version}_addr; flags interval; comment "what services have their addresses from"; }`,
  ]),
  'set hairpin4 { type ipv4_addr . ipv4_addr; comment "who may reach itself by a port of this host"; }',
  'set hairpin6 { type ipv6_addr . ipv6_addr; comment "who may reach itself by a port of this host"; }',
  ...['', 'any_'].flatMap((any) => {
    const [type, where] = any === '' ? ['ifname', 'by interface'] : ['ether_type', 'where none is named'];
    return [
      `set ${any}host_endpoint { type ${type}; comment "endpoints of the host itself, ${where}"; }`,
      `map ${any}to_host { type ${type} : verdict; comment "ingress policy of this host, ${where}"; }`,
      `map ${any}from_host { type ${type} : verdict; comment "egress policy of this host, ${where}"; }`,
      `map ${any}forward_in { type ${type} : verdict; comment "policy of what comes through, ${where}"; }`,
      `map ${any}forward_out { type ${type} : verdict; comment "policy of what leaves through, ${where}"; }`,
    ];
  }),
  ...(['4', '6'] as const).map(
    (version) => `map dns_client${version} { type ipv${version}_addr : verdict; comment "whose DNS messages the agent looks at"; }`,
  ),
  ...['4', '6'].flatMap((version) => [
    `set dns_rate${version} { type ipv${version}_addr; flags dynamic,timeout; timeout 30s; size 4096; comment "who asks the DNS of this host, and how often"; }`,
    `set dns_message_rate${version} { type ipv${version}_addr; flags dynamic,timeout; timeout 30s; size 4096; comment "whose DNS messages the agent looks at, and how many"; }`,
  ]),
  ...(['4', '6'] as const).flatMap((version) => [
    `set pools${version} { type ipv${version}_addr; flags interval; comment "all pools"; }`,
    `set private${version} { type ipv${version}_addr; flags interval; comment "pools that nobody outside of the cluster reaches"; }`,
    `set nat${version} { type ipv${version}_addr; flags interval; comment "pools whose containers leave under their host's address"; }`,
    `set clusters${version} { type ipv${version}_addr; flags interval; comment "other clusters' containers"; }`,
    `set hosts${version} { type ipv${version}_addr; comment "addresses of the cluster's hosts"; }`,
    `set flannel${version} { type ipv${version}_addr; comment "addresses of the hosts of the flannel network"; }`,
  ]),
];
