/**
 * A flannel network as its configuration in etcd describes it.
 * Keys and defaults: https://github.com/flannel-io/flannel/blob/master/Documentation/configuration.md and backends.md. Pure.
 */
import {
  ADDRESS_BITS,
  type AddressRange,
  addressToNumber,
  cidrRange,
  type Family,
  familyOf,
  parseAddress,
  parseCidr,
} from '@weir/resources';
import { z } from 'zod';
import { RoutingError } from '../routing-error.ts';

/** Where each host's subnet is taken from. */
export interface SubnetPlan {
  /** CIDR of all subnets. */
  network: string;
  /** Prefix length of one. */
  length: number;
  /** From the lowest subnet that may be given to the last address of the highest. */
  range: AddressRange;
}

export type FlannelBackend =
  | {
      type: 'vxlan';
      vni: number;
      port: number;
      /** To hosts on a subnet of this one without a tunnel. */
      directRouting: boolean;
      /** Of the link between the hosts, in bytes; absent: as it is. */
      mtu?: number;
    }
  | { type: 'host-gw' };

export interface FlannelNetwork {
  plans: { IPv4: SubnetPlan; IPv6?: SubnetPlan };
  backend: FlannelBackend;
}

/** The kernel's own VXLAN port, from before IANA gave it one. */
const DEFAULT_PORT = 8472;

const FAMILIES = {
  IPv4: { prefix: '', least: { length: 30, network: 28 }, usual: 24 },
  IPv6: { prefix: 'IPv6', least: { length: 126, network: 124 }, usual: 64 },
} as const;

const vxlanSchema = z.object({
  vni: z.int().min(1).max(0xffffff).default(1),
  port: z.int().min(0).max(65535).default(0),
  directrouting: z.boolean().default(false),
  gbp: z.boolean().default(false),
  mtu: z.int().min(576).max(65535).optional(),
});

/**
 * Reads the value of `/coreos.com/network/config`. Key names count in any case, as in flannel.
 *
 * @throws RoutingError EFLANNEL saying what of it is wrong, or cannot be joined
 */
export function parseFlannelNetwork(text: string): FlannelNetwork {
  const config = lowerKeys(jsonOf(text));
  if (config.enableipv4 === false) throw refused('EnableIPv4: false is not possible with etcd, whose keys are IPv4 subnets');
  const plans = { IPv4: planOf(config, 'IPv4'), ...(config.enableipv6 === true && { IPv6: planOf(config, 'IPv6') }) };
  return { plans, backend: backendOf(config.backend) };
}

function planOf(config: Record<string, unknown>, family: Family): SubnetPlan {
  const { prefix, least, usual } = FAMILIES[family];
  const keys = { network: `${prefix}Network`, length: `${prefix}SubnetLen`, lowest: `${prefix}SubnetMin`, highest: `${prefix}SubnetMax` };
  const value = (key: string) => config[key.toLowerCase()];
  const network = read(keys.network, () => parseCidr(value(keys.network)));
  if (familyOf(network) !== family) throw refused(`${keys.network}: ${network} is no ${family} network`);
  const { first, last, prefixLength } = cidrRange(network);
  const length = value(keys.length) ?? (prefixLength <= usual - 2 ? usual : prefixLength + 2);
  if (
    typeof length !== 'number' ||
    !Number.isInteger(length) ||
    length < prefixLength + 2 ||
    length > least.length ||
    prefixLength > least.network
  )
    throw refused(`${keys.length}: ${JSON.stringify(length)} does not cut ${network} into four subnets or more of four addresses or more`);
  const size = 1n << BigInt(ADDRESS_BITS[family] - length);
  // The first subnet has the network's own address, which flannel gives nobody.
  const range = { family, first: first + size, last };
  for (const [end, key] of [
    ['first', keys.lowest],
    ['last', keys.highest],
  ] as const) {
    const given = value(key);
    if (given === undefined || given === null) continue;
    const address = addressToNumber(read(key, () => parseAddress(given)));
    if (address < first || address > last || address % size !== 0n) throw refused(`${key}: ${given} is no /${length} of ${network}`);
    range[end] = end === 'first' ? address : address + size - 1n;
  }
  return { network, length, range };
}

function backendOf(value: unknown): FlannelBackend {
  const backend = lowerKeys(value ?? {});
  // What flanneld itself takes when nothing is said.
  const type = backend.type ?? 'udp';
  if (type === 'host-gw') return { type };
  if (type !== 'vxlan') throw refused(`Backend: ${JSON.stringify(type)} cannot be joined: Weir speaks vxlan and host-gw`);
  const result = vxlanSchema.safeParse(backend);
  if (!result.success)
    throw refused(`Backend: ${result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}`);
  const { vni, port, directrouting, gbp, mtu } = result.data;
  if (gbp) throw refused('Backend: GBP: true cannot be joined');
  return { type, vni, port: port || DEFAULT_PORT, directRouting: directrouting, ...(mtu !== undefined && { mtu }) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw refused((error as Error).message);
  }
}

function lowerKeys(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refused('it is no JSON object');
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key.toLowerCase(), one]));
}

function read<T>(key: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw refused(`${key}: ${(error as Error).message}`);
  }
}

const refused = (reason: string): RoutingError => new RoutingError('EFLANNEL', `flannel's configuration: ${reason}`);
