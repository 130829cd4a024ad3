/** Where the kernel finds what a rule looks at of a packet (linux/netfilter/nf_tables.h, nft_meta and nft_payload). */
import type { NumberType, TextType } from './nftables-field.ts';
import type { AddressField, NumberField } from './nftables-rule.ts';

export const NFT_META_PROTOCOL = 1;
export const NFT_META_NFPROTO = 15;
export const NFT_META_L4PROTO = 16;
const NETWORK_HEADER = 1;
const TRANSPORT_HEADER = 2;

type Source = { meta: number } | { base: number; offset: number };

export interface FieldShape<Type> {
  type: Type;
  from: Source;
  /** What a packet must be to have the field. */
  of: { network?: 'ip' | 'ip6'; transport?: number };
}

export const ADDRESS_FIELDS: Readonly<Record<AddressField, FieldShape<TextType>>> = {
  'ip saddr': { type: 'ipv4_addr', from: { base: NETWORK_HEADER, offset: 12 }, of: { network: 'ip' } },
  'ip daddr': { type: 'ipv4_addr', from: { base: NETWORK_HEADER, offset: 16 }, of: { network: 'ip' } },
  'ip6 saddr': { type: 'ipv6_addr', from: { base: NETWORK_HEADER, offset: 8 }, of: { network: 'ip6' } },
  'ip6 daddr': { type: 'ipv6_addr', from: { base: NETWORK_HEADER, offset: 24 }, of: { network: 'ip6' } },
};

const port = (transport: number, offset: number): FieldShape<NumberType> => ({
  type: 'inet_service',
  from: { base: TRANSPORT_HEADER, offset },
  of: { transport },
});
const icmp = (type: NumberType, network: 'ip' | 'ip6', offset: number): FieldShape<NumberType> => ({
  type,
  from: { base: TRANSPORT_HEADER, offset },
  of: { network, transport: network === 'ip' ? 1 : 58 },
});

export const NUMBER_FIELDS: Readonly<Record<NumberField, FieldShape<NumberType>>> = {
  'meta protocol': { type: 'ether_type', from: { meta: NFT_META_PROTOCOL }, of: {} },
  'meta l4proto': { type: 'inet_proto', from: { meta: NFT_META_L4PROTO }, of: {} },
  'tcp sport': port(6, 0),
  'tcp dport': port(6, 2),
  'udp sport': port(17, 0),
  'udp dport': port(17, 2),
  'sctp sport': port(132, 0),
  'sctp dport': port(132, 2),
  'udplite sport': port(136, 0),
  'udplite dport': port(136, 2),
  'icmp type': icmp('icmp_type', 'ip', 0),
  'icmp code': icmp('icmp_code', 'ip', 1),
  'icmpv6 type': icmp('icmpv6_type', 'ip6', 0),
  'icmpv6 code': icmp('icmpv6_code', 'ip6', 1),
};

/** Of all transport protocols that have ports. */
export const DESTINATION_PORT: FieldShape<NumberType> = { type: 'inet_service', from: { base: TRANSPORT_HEADER, offset: 2 }, of: {} };
