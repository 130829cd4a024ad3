import { z } from 'zod';
import { parseAddress } from '../address/address.ts';
import { field, oneOf, text } from '../validation/field.ts';
import { INTERFACE_NAME, type NamedPort, namedPortsSchema } from './endpoint.ts';

/**
 * An interface of a host itself: policy for what the host's own processes receive and send there, and, by policies with
 * `applyOnForward`, for what passes through. Its labels, in the metadata, are what policy selects it by, also as a peer.
 * It is in no namespace, so GlobalPolicies are for it, and Policies name it as a peer by `namespaceSelector: global()`.
 */
export interface HostEndpointSpec {
  /** Name of the Host. */
  host: string;
  /** Of the interface; `*` is each that has no HostEndpoint of its own and leads to no container. */
  interfaceName: string;
  /** The host's addresses there: those that rules mean which select it as a peer. Plain IP addresses, canonical text. */
  expectedIPs: string[];
  /** Ports that rules may call by name. */
  ports: NamedPort[];
  /** What happens in a direction in which no policy selects it, but for failsafe ports. Default Deny. Forwarded packets then pass. */
  defaultAction: 'Allow' | 'Deny';
}

export const hostEndpointSpecSchema: z.ZodType<HostEndpointSpec> = z.strictObject({
  host: text({ what: 'host name', pattern: /^[^\s].*$/s, allowed: 'a string that is not empty' }),
  interfaceName: text({ ...INTERFACE_NAME, allowed: `${INTERFACE_NAME.allowed}, or "*" for all of the host` }),
  expectedIPs: z.array(field(parseAddress)).prefault([]),
  ports: namedPortsSchema,
  defaultAction: oneOf('Allow', 'Deny').prefault('Deny'),
});
