import { familyOf, type HostDns } from '@weir/resources';
import { DENIALS } from '../program/packet-log.ts';
import type { FixedChain } from '../statements/fixed-table.ts';
import { FAMILIES } from './address-families.ts';
import { bridged, OURS } from './our-interfaces.ts';

/** Packets of one container to the DNS server of its host: far more than a program needs, and no burden to the agent. */
const DNS_RATE = 2_000;
const DNS_BURST = 20_000;

/** Who asks the DNS server of this host. */
export const OWN_DNS: Record<string, FixedChain> = {
  own_dns: {
    rules: [
      'iifname "lo" return',
      ...OURS.map((name) => `iifname ${name} goto dns_pace`),
      ...bridged('saddr', 'dns_pace', 'goto'),
      `goto ${DENIALS.unknown} comment "a host's DNS is for itself and its containers"`,
    ],
  },
  dns_pace: {
    rules: FAMILIES.map(
      ({ ip, version }) =>
        `add @dns_rate${version} { ${ip} saddr limit rate over ${DNS_RATE}/second burst ${DNS_BURST} packets } counter drop comment "one container does not keep the agent from all others"`,
    ),
  },
};

/** Rules for packets to the DNS server of this host; none where there is none. */
export function atDns(dns: HostDns | undefined, rest: string): string[] {
  return (dns?.addresses ?? []).map((address) => `${familyOf(address) === 'IPv4' ? 'ip' : 'ip6'} daddr ${address} ${rest}`);
}
