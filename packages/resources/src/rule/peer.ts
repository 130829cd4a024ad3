import { z } from 'zod';
import { parseCidr } from '../address/address.ts';
import { NAMES, parseNamespaceName } from '../metadata.ts';
import { selectorText } from '../selector/field.ts';
import { field, someOf, text } from '../validation/field.ts';
import { parseDomain } from './domain.ts';
import { type Port, parsePort } from './port.ts';

/**
 * One end of the packets that a rule is about. Every criterion given has to hold; one that is absent holds for everything.
 *
 * - `nets`, `notNets`: the address is in one of, or in none of, these blocks.
 * - `domains`: the endpoint was told, by DNS, that the address is that of one of these names. Only of where traffic goes to.
 * - `selector`: the address is that of an endpoint or network set with such labels; `notSelector`: it is not, and so may also be unknown to Weir.
 * - `namespaceSelector`: that endpoint or set is in a namespace with such labels. In a Policy, a `selector` without `namespaceSelector` looks in the
 *   policy's own namespace only; in a GlobalPolicy, in all. `namespaceSelector` alone stands for every endpoint of those namespaces.
 * - `services`: the address is that of a backend of this Service, ready or not; of the destination, with the backend's protocol and port as well.
 *   Instead of all other criteria of this end. Only of the far end: where traffic of ingress comes from, or that of egress goes to.
 * - `ports`, `notPorts`: the port at this end; names are looked up among the ports of the endpoint at this end.
 */
export const peerSchema: z.ZodType<Peer> = z.strictObject({
  nets: someOf(field(parseCidr), 'to match every address').optional(),
  notNets: someOf(field(parseCidr), 'to except no address').optional(),
  domains: someOf(field(parseDomain), 'to match every address').optional(),
  selector: selectorText({ empty: 'refused' }).optional(),
  notSelector: selectorText({ empty: 'refused' }).optional(),
  namespaceSelector: selectorText({ empty: 'refused', global: true }).optional(),
  services: z
    .strictObject({ name: text({ ...NAMES.chosen, what: 'name of a service' }), namespace: field(parseNamespaceName).optional() })
    .optional(),
  ports: someOf(field(parsePort), 'to match every port').optional(),
  notPorts: someOf(field(parsePort), 'to except no port').optional(),
});

export interface Peer {
  /** CIDRs, canonical text. */
  nets?: string[];
  notNets?: string[];
  /** DNS names in lower case, `*.` in front for all names under one. */
  domains?: string[];
  selector?: string;
  notSelector?: string;
  namespaceSelector?: string;
  /** Without namespace: of the policy's own. */
  services?: { name: string; namespace?: string };
  ports?: Port[];
  notPorts?: Port[];
}
