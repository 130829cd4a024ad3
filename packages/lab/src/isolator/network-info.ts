/** Mesos' NetworkInfo (mesos/v1/mesos.proto), with protobuf's names, as it stands in `args."org.apache.mesos".network_info`. */
export interface NetworkInfo {
  name?: string;
  ip_addresses?: { protocol?: 'IPv4' | 'IPv6'; ip_address?: string }[];
  groups?: string[];
  labels?: { labels: { key: string; value?: string }[] };
  port_mappings?: { host_port: number; container_port: number; protocol?: string }[];
}

/** What Mesos' protobuf-to-JSON makes of it: empty lists are left out, `protocol` of an address is written with its default. */
export function encodeNetworkInfo(info: NetworkInfo): NetworkInfo {
  return {
    ...(info.name !== undefined && { name: info.name }),
    ...(info.groups?.length && { groups: info.groups }),
    ...(info.ip_addresses?.length && { ip_addresses: info.ip_addresses.map((address) => ({ protocol: 'IPv4' as const, ...address })) }),
    ...(info.labels && { labels: info.labels.labels.length > 0 ? { labels: info.labels.labels } : ({} as { labels: [] }) }),
    ...(info.port_mappings?.length && { port_mappings: info.port_mappings }),
  };
}
