/**
 * A lease of a flannel network: a host's subnet of each family, and how the others reach it. Key and value as flannel's etcd has them:
 * https://github.com/flannel-io/flannel/blob/master/Documentation/reservations.md. Pure.
 */
import { type Family, parseAddress, parseCidr } from '@weir/resources';
import { z } from 'zod';

export interface FlannelPeer {
  /** By family: a subnet, and the way there. */
  ends: Partial<Record<Family, FlannelEnd>>;
  /** `vxlan`, `host-gw` and others that flannel knows. */
  backend: string;
}

export interface FlannelEnd {
  /** CIDR. */
  subnet: string;
  /** Of the host, on the network between the hosts. */
  publicAddress: string;
  /** Of its VXLAN interface; only with that backend. */
  vtep?: { vni: number; mac: string };
}

const KEY = /^(\d+\.\d+\.\d+\.\d+)-(\d+)(?:&([a-f\d:]+)-(\d+))?$/;

const mac = z.string().regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i, 'no hardware address');
const vtepSchema = z.object({ VNI: z.int(), VtepMAC: mac }).transform(({ VNI, VtepMAC }) => ({ vni: VNI, mac: VtepMAC.toLowerCase() }));
const valueSchema = z.object({
  PublicIP: z.ipv4(),
  PublicIPv6: z.ipv6().nullish(),
  BackendType: z.string().default(''),
  BackendData: z.unknown().optional(),
  BackendV6Data: z.unknown().optional(),
});

/** `10.5.52.0-24`, with both families `10.5.52.0-24&fc00::-64`. */
export function leaseName({ IPv4, IPv6 }: Partial<Record<Family, string>>): string {
  return [IPv4, IPv6]
    .filter((subnet) => subnet !== undefined)
    .map((subnet) => subnet.replace('/', '-'))
    .join('&');
}

/** The subnets of a key's last part; undefined when it is none of a lease. */
export function subnetsOf(name: string): Partial<Record<Family, string>> | undefined {
  const [, ipv4, length4, ipv6, length6] = KEY.exec(name) ?? [];
  if (ipv4 === undefined) return undefined;
  try {
    return {
      IPv4: parseCidr(`${ipv4}/${length4}`),
      ...(ipv6 !== undefined && { IPv6: parseCidr(`${ipv6}/${length6}`) }),
    };
  } catch {
    return undefined;
  }
}

/**
 * @param name last part of the key
 * @throws Error that says what of it cannot be read
 */
export function parseLease(name: string, value: string): FlannelPeer {
  const subnets = subnetsOf(name);
  if (subnets === undefined) throw new Error(`"${name}" is no subnet`);
  const attributes = valueSchema.parse(JSON.parse(value));
  const isVxlan = attributes.BackendType === 'vxlan';
  const end = (subnet: string, address: string, data: unknown): FlannelEnd => ({
    subnet,
    publicAddress: parseAddress(address),
    ...(isVxlan && { vtep: vtepSchema.parse(data) }),
  });
  return {
    backend: attributes.BackendType,
    ends: {
      IPv4: end(subnets.IPv4!, attributes.PublicIP, attributes.BackendData),
      ...(subnets.IPv6 && attributes.PublicIPv6 && { IPv6: end(subnets.IPv6, attributes.PublicIPv6, attributes.BackendV6Data) }),
    },
  };
}

/** The value of a lease, with the keys in flannel's order. */
export function leaseValue({ ends: { IPv4, IPv6 }, backend }: FlannelPeer): string {
  const data = (end: FlannelEnd | undefined) => end?.vtep && { VNI: end.vtep.vni, VtepMAC: end.vtep.mac };
  return JSON.stringify({
    PublicIP: IPv4?.publicAddress,
    PublicIPv6: IPv6?.publicAddress ?? null,
    BackendType: backend,
    BackendData: data(IPv4),
    BackendV6Data: data(IPv6),
  });
}
