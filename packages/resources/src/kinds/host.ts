import { z } from 'zod';
import { parseAddress, parseCidr } from '../address/address.ts';
import { parseAsNumber } from '../bgp/as-number.ts';
import { parsePortNumber } from '../rule/port.ts';
import { field, integer, oneOf, text } from '../validation/field.ts';
import { type FailsafePorts, failsafePortsSchema } from './failsafe-ports.ts';

/** A Mesos agent's machine that runs `weir agent`. */
export interface HostSpec {
  /** Its addresses on the network between the hosts: next hops of the routes to its containers. Its agent writes them. */
  addresses: string[];
  /** The subnets that these are in: hosts of one subnet need no router between them. Default none. */
  subnets: string[];
  /** Where tunnels to it end. Its agent writes it while a pool wants tunnels; absent where it takes none. */
  vxlan?: VxlanEnd;
  /** What it holds of a flannel network. Its agent writes it; absent where it has joined none. */
  flannel?: FlannelLease;
  /** Traffic between Mesos and the containers of this host that is allowed beside all policy. */
  mesosTraffic: {
    /** Ports of the Mesos agent that executors in containers always reach. Default [5051]. */
    agentPorts: number[];
    /** `Always`: the agent's health checks reach their containers whatever policy says. `Policy`: as policy says. Default `Always`. */
    healthChecks: 'Always' | 'Policy';
  };
  /** The DNS server of its agent. Absent where it never had one. */
  dns?: HostDns;
  /** What the policies of its HostEndpoints never close. A list that is left out: see `DEFAULT_FAILSAFE_PORTS`. */
  failsafePorts?: Partial<FailsafePorts>;
  /** How it speaks BGP, where that differs from BgpConfig. */
  bgp?: HostBgp;
}

export interface HostBgp {
  /** Its autonomous system; that of BgpConfig when absent. */
  asNumber?: number;
  /** Makes it a route reflector (RFC 4456) of this cluster id, in the form of an IPv4 address; reflectors of one id are for the same hosts. */
  clusterId?: string;
}

export interface HostDns {
  /** Where it answers; its agent writes them. Empty while it has no server. */
  addresses: string[];
  /** `Always`: containers of this host ask it whatever policy says. `Policy`: as policy says. Default `Always`. */
  queries: 'Always' | 'Policy';
}

/** A host's end of VXLAN tunnels (RFC 7348). */
export interface VxlanEnd {
  /** Address of the host that the outer packets go to. */
  address: string;
  /** Hardware address that the inner frames go to. */
  mac: string;
  /** UDP port. */
  port: number;
  vni: number;
  /** Addresses out of pools with tunnels, one per family, from which the host itself speaks through them. */
  tunnelAddresses: string[];
}

/** A host's lease of a flannel network. */
export interface FlannelLease {
  /** CIDRs, one per family that the network has. */
  subnets: string[];
  /** Whose containers have addresses of it: those of `weir-ipam`, or those of flannel's own CNI plugin. */
  containers: 'Weir' | 'FlannelPlugin';
}

const vxlanEndSchema: z.ZodType<VxlanEnd> = z.strictObject({
  address: field(parseAddress),
  mac: text({ what: 'hardware address', pattern: /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/, allowed: 'one such as "02:00:5e:10:00:01"' }),
  port: field(parsePortNumber),
  vni: integer({ what: 'VXLAN network number', minimum: 1, maximum: 0xffffff }),
  tunnelAddresses: z.array(field(parseAddress)).prefault([]),
});

const flannelLeaseSchema: z.ZodType<FlannelLease> = z.strictObject({
  subnets: z.array(field(parseCidr)),
  containers: oneOf('Weir', 'FlannelPlugin').prefault('Weir'),
});

export const hostSpecSchema: z.ZodType<HostSpec> = z.strictObject({
  addresses: z.array(field(parseAddress)).prefault([]),
  subnets: z.array(field(parseCidr)).prefault([]),
  vxlan: vxlanEndSchema.optional(),
  flannel: flannelLeaseSchema.optional(),
  mesosTraffic: z
    .strictObject({
      agentPorts: z.array(field(parsePortNumber)).prefault([5051]),
      healthChecks: oneOf('Always', 'Policy').prefault('Always'),
    })
    .prefault({}),
  dns: z
    .strictObject({ addresses: z.array(field(parseAddress)).prefault([]), queries: oneOf('Always', 'Policy').prefault('Always') })
    .optional(),
  failsafePorts: failsafePortsSchema.optional(),
  bgp: z
    .strictObject({
      asNumber: field(parseAsNumber).optional(),
      clusterId: text({
        what: 'cluster id',
        pattern: /^((25[0-5]|2[0-4]\d|1?\d?\d)(\.(?!$)|$)){4}$/,
        allowed: 'four numbers up to 255, such as "10.0.0.1"',
      }).optional(),
    })
    .optional(),
});
