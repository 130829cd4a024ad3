import type { FailsafePorts } from '@weir/resources';
import type { FixedChain } from '../statements/fixed-table.ts';
import { FAMILIES } from './address-families.ts';
import { OURS } from './our-interfaces.ts';
import { UNSOUND } from './unsound.ts';

/** Led to by a virtual address: the hook still sees the interface by which that would have left. */
const OWN_CONTAINERS = FAMILIES.map(
  ({ ip, version }) =>
    `ct status & dnat == dnat ${ip} daddr . ${ip} daddr @hairpin${version} return comment "its own containers are theirs"`,
);

/** What a host needs of its neighbours to have them and its addresses at all (RFC 4861, RFC 2710, RFC 3810). */
const NEIGHBOURS =
  'icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report }';

/**
 * Policy of this host's own interfaces. One that it does not know is open: what has no HostEndpoint is not Weir's to close. The host's
 * traffic with its own containers is theirs, and not asked for again.
 */
export function hostEndpointChains({ inbound, outbound, tunnels }: FailsafePorts & { tunnels: string[] }): Record<string, FixedChain> {
  const chain = (name: string, interfaceKey: 'iifname' | 'oifname', open: string[]): FixedChain => {
    const field = interfaceKey === 'iifname' ? 'saddr' : 'daddr';
    return {
      rules: [
        `${interfaceKey} "lo" return`,
        ...OURS.map((ours) => `${interfaceKey} ${ours} return`),
        ...FAMILIES.map(({ ip, version }) => `${ip} ${field} @bridged${version} return`),
        ...open,
        `${interfaceKey} @host_endpoint jump sound`,
        `${interfaceKey} vmap @${name}`,
        'meta protocol @any_host_endpoint jump sound',
        `meta protocol vmap @any_${name}`,
      ],
    };
  };
  const failsafe = (ports: string[]) => [
    ...['tcp', 'udp'].flatMap((protocol) => {
      const own = [...new Set([...ports, ...tunnels])]
        .filter((port) => port.startsWith(protocol))
        .map((port) => Number(port.split('/')[1]));
      const numbers = own.sort((left, right) => left - right).join(', ');
      return own.length === 0 ? [] : [`${protocol} dport { ${numbers} } accept comment "failsafe"`];
    }),
    `${NEIGHBOURS} accept comment "neighbours"`,
  ];
  return {
    to_host: chain('to_host', 'iifname', failsafe(inbound)),
    from_host: chain('from_host', 'oifname', [...OWN_CONTAINERS, ...failsafe(outbound)]),
    forward_in: chain('forward_in', 'iifname', []),
    forward_out: chain('forward_out', 'oifname', []),
    sound: { rules: UNSOUND },
  };
}
