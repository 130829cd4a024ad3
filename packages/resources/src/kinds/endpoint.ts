import { z } from 'zod';
import { parseAddress } from '../address.ts';
import { field, oneOf, text } from '../field.ts';
import { parsePortNumber } from '../rule/port.ts';
import { ValidationError } from '../validation-error.ts';

/** One interface of one container. Its labels, in the metadata, are what policy selects by. Written by the CNI tools. */
export interface EndpointSpec {
  /** Name of the Host that the container runs on. */
  host: string;
  /** CNI_CONTAINERID: for Mesos the container id, `parent.child` when nested. */
  containerId: string;
  /** Name in the network file. */
  network: string;
  /** The interface in the container, `eth0`. */
  interfaceName: string;
  /** Its other end on the host. */
  hostInterface: string;
  /** Plain IP addresses, canonical text. */
  addresses: string[];
  /** The container's hardware address, lower case. */
  mac?: string;
  /** Ports that rules may call by name. */
  ports: NamedPort[];
  /** What its network says of a direction in which no policy selects it. Deny here or in its namespace closes it. */
  defaultAction?: 'Allow' | 'Deny';
}

export interface NamedPort {
  name: string;
  protocol: 'TCP' | 'UDP' | 'SCTP';
  port: number;
}

/** IFNAMSIZ of linux/if.h, less the final NUL; characters as the CNI specification allows them. */
export const INTERFACE_NAME = {
  what: 'interface name',
  pattern: /^(?!\.{1,2}$)[^\s/:]{1,15}$/,
  allowed: '1 to 15 characters without blanks, "/" and ":"',
};
const ANY = { pattern: /^[^\s].*$/s, allowed: 'a string that is not empty' };

export const endpointSpecSchema: z.ZodType<EndpointSpec> = z.strictObject({
  host: text({ what: 'host name', ...ANY }),
  containerId: text({ what: 'container id', ...ANY }),
  network: text({ what: 'network name', ...ANY }),
  interfaceName: text(INTERFACE_NAME),
  hostInterface: text(INTERFACE_NAME),
  addresses: z.array(field(parseAddress)),
  mac: field(parseMac).optional(),
  ports: z
    .array(
      z.strictObject({
        name: text({ what: 'port name', pattern: /^[a-zA-Z0-9_.-]{1,128}$/, allowed: '1 to 128 letters, digits, "_", "." and "-"' }),
        protocol: oneOf('TCP', 'UDP', 'SCTP'),
        port: field(parsePortNumber),
      }),
    )
    .prefault([]),
  defaultAction: oneOf('Allow', 'Deny').optional(),
});

function parseMac(value: unknown): string {
  if (typeof value === 'string' && /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(value)) return value.toLowerCase();
  throw ValidationError.of(value, 'is no hardware address', 'expected one such as "02:00:5e:10:00:01"');
}
