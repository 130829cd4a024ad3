import type { FixedChain } from '../statements/fixed-table.ts';
import { FAMILIES } from './address-families.ts';
import { NOT_OURS, OURS } from './our-interfaces.ts';

/**
 * Ports of the host that lead to containers. The destination changes before the filter chains, so that policy sees where a packet ends;
 * the source stays, so that it sees where it begins. Only where no answer could find back does the source become the host's.
 */
export function natChains(): Record<string, FixedChain> {
  return {
    nat_prerouting: { hook: 'nat hook prerouting priority dstnat', rules: ['jump services', 'fib daddr type local goto host_ports'] },
    nat_output: {
      // nft knows the name dstnat for prerouting alone.
      hook: 'nat hook output priority -100',
      rules: [
        'ip6 daddr ::1 return comment "what has this source cannot leave the host"',
        'jump services',
        'fib daddr type local goto host_ports',
      ],
    },
    nat_postrouting: {
      hook: 'nat hook postrouting priority srcnat',
      rules: [
        'ip saddr . ip daddr @hairpin4 masquerade comment "nobody answers itself over the network"',
        'ip6 saddr . ip6 daddr @hairpin6 masquerade comment "nobody answers itself over the network"',
        ...OURS.map((name) => `ip saddr 127.0.0.0/8 oifname ${name} masquerade comment "to a container this is its own loopback"`),
        ...FAMILIES.map(
          ({ ip, version }) =>
            `ct status & dnat == dnat ${ip} daddr . meta l4proto . th dport @far_backend${version} ${NOT_OURS} ${ip} saddr != @bridged${version} fib saddr type != local masquerade comment "its answer would not come back this way"`,
        ),
        ...FAMILIES.map(
          ({ ip, version }) =>
            `${ip} saddr @nat${version} ${ip} daddr != @pools${version} ${ip} daddr != @clusters${version} masquerade comment "natOutgoing of their pool"`,
        ),
      ],
    },
    host_ports: {
      rules: [
        'dnat ip to ip daddr . meta l4proto . th dport map @host_port4',
        'dnat ip6 to ip6 daddr . meta l4proto . th dport map @host_port6',
        'meta nfproto ipv4 dnat ip to meta l4proto . th dport map @any_host_port4',
        'meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @any_host_port6',
        'ip saddr 127.0.0.0/8 return comment "what has this source cannot go to another host"',
        ...FAMILIES.map(({ version }) => `meta nfproto ipv${version} meta l4proto . th dport vmap @service_port${version}`),
      ],
    },
    services: {
      rules: [
        ...FAMILIES.map(({ ip, version }) => `${ip} daddr . meta l4proto . th dport vmap @service${version}`),
        ...FAMILIES.map(({ ip, version }) => `${ip} daddr @service_range${version} goto no_backend`),
      ],
    },
    // A packet to nobody is to be told of at once; who connects would wait for its timeout otherwise.
    no_backend: { rules: ['meta l4proto tcp reject with tcp reset', 'reject with icmpx type port-unreachable'] },
  };
}
