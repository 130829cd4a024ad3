import { z } from 'zod';
import { type Family, familyOf, parseAddress } from '../address/address.ts';
import { parsePort, parsePortNumber } from '../rule/port.ts';
import { selectorText } from '../selector/field.ts';
import { acrossFields, failed, field, oneOf, type Report, someOf, text } from '../validation/field.ts';
import { ValidationError } from '../validation/validation-error.ts';
import { DEFAULT_FAILSAFE_PORTS } from './failsafe-ports.ts';

/**
 * A virtual address in front of several backends: who connects to it is led to one of them that is ready. Its fields follow Kubernetes'
 * Service where there is one there.
 */
export interface ServiceSpec {
  /** Labels of the endpoints, of its own namespace, that it leads to. */
  selector?: string;
  /** Addresses outside of Weir that it leads to, beside those endpoints or alone. */
  backends?: string[];
  ports: ServicePort[];
  /** The addresses that it is to have, one of a family; absent: one of each of `families` is chosen out of the service ranges. */
  addresses?: string[];
  /** Default: those of `addresses`, else both. */
  families?: Family[];
  /** `ClientIP`: a client, by its address, comes to the same backend as long as that is ready. Default `None`: each flow by itself. */
  sessionAffinity: 'None' | 'ClientIP';
}

export interface ServicePort {
  /** As DNS calls it. */
  name?: string;
  protocol: 'TCP' | 'UDP' | 'SCTP';
  /** At the virtual address. */
  port: number;
  /** At a backend: a number, or the name that its endpoint has for a port. Default: `port`. */
  targetPort?: number | string;
  /** Port of every host that leads to the same backends. */
  hostPort?: number;
}

/** Written with the spec, in one transaction. */
export interface ServiceStatus {
  /** The virtual addresses, one of a family. */
  addresses: string[];
}

const FAMILIES: readonly Family[] = ['IPv4', 'IPv6'];

const portSchema: z.ZodType<ServicePort> = z.strictObject({
  name: text({
    what: 'port name',
    pattern: /^(?!-)[a-z0-9-]{1,63}(?<!-)$/,
    allowed: '1 to 63 lower-case letters, digits and "-", as DNS takes them',
  }).optional(),
  protocol: oneOf('TCP', 'UDP', 'SCTP').prefault('TCP'),
  port: field(parsePortNumber),
  targetPort: field(parseTargetPort, { type: ['integer', 'string'] }).optional(),
  hostPort: field(parsePortNumber).optional(),
});

export const serviceSpecSchema: z.ZodType<ServiceSpec> = acrossFields(
  z.strictObject({
    selector: selectorText({ empty: 'refused' }).optional(),
    backends: someOf(field(parseRoutable, { type: 'string' }), 'to lead to endpoints alone').optional(),
    ports: z.array(portSchema),
    addresses: someOf(field(parseRoutable, { type: 'string' }), 'to have them chosen').optional(),
    families: someOf(oneOf(...FAMILIES), 'for both').optional(),
    sessionAffinity: oneOf('None', 'ClientIP').prefault('None'),
  }),
  checkService,
);

function parseTargetPort(value: unknown): number | string {
  const port = parsePort(value);
  if (typeof port === 'string' && port.includes(':')) throw ValidationError.of(value, 'is a range', 'a service leads to one port');
  return port;
}

/**
 * A backend on a link of the host itself would be reached under the host's address, by whoever reaches the service: a cloud's metadata server
 * takes that for the host.
 */
function parseRoutable(value: unknown): string {
  const address = parseAddress(value);
  if (/^(0|127|169\.254|22[4-9]|2[345]\d)\.|^(::1?$|fe[89ab]|ff)/.test(address))
    throw ValidationError.of(value, 'is no address that a host could route', 'expected one such as "11.0.0.7" or "fd01:c::7"');
  return address;
}

function checkService({ selector, backends, ports, addresses, families }: Partial<ServiceSpec>, report: Report): void {
  if (selector === undefined && backends === undefined)
    report(['selector'], 'there is neither "selector" nor "backends": nothing to lead to');
  if (Array.isArray(ports)) checkPorts(ports, selector, report);
  if (!Array.isArray(addresses) || addresses.some(failed)) return;
  const given = addresses.map(familyOf);
  for (const [index, family] of given.entries()) {
    if (given.indexOf(family) < index) report(['addresses', index], `"${addresses[index]}" is the second ${family} address: one is enough`);
    if (Array.isArray(families) && !families.includes(family))
      report(['families'], `leaves out ${family}, and "addresses" has one of it: add ${family}`);
  }
}

function checkPorts(ports: ServicePort[], selector: string | undefined, report: Report): void {
  if (ports.length === 0) report(['ports'], '[] is empty: name a port at least');
  const seen = new Set<string>();
  const say = (index: number, what: string, value: string | number | undefined) => {
    if (value === undefined) return;
    const key = `${what} ${value}`;
    if (seen.has(key)) report(['ports', index], `${key} is taken by an earlier entry already`);
    seen.add(key);
  };
  for (const [index, port] of ports.entries()) {
    if (failed(port)) continue;
    say(index, 'the name', port.name);
    say(index, `${port.protocol} port`, port.port);
    say(index, `${port.protocol} hostPort`, port.hostPort);
    if (port.hostPort !== undefined && isOfHosts(port.protocol, port.hostPort))
      report(['ports', index, 'hostPort'], `${port.hostPort} is the hosts' own: take one from 1024 on that is no failsafe port`);
    if (typeof port.targetPort === 'string' && selector === undefined)
      report(['ports', index, 'targetPort'], `"${port.targetPort}" is a name, and only endpoints have names for ports: write the number`);
  }
}

/** Whoever writes a service is not to take ssh, etcd or the like from all hosts. */
function isOfHosts(protocol: ServicePort['protocol'], port: number): boolean {
  return port < 1024 || DEFAULT_FAILSAFE_PORTS.inbound.includes(`${protocol.toLowerCase()}/${port}`);
}

/** The families that it is to have addresses of. */
export function familiesOf({ addresses, families }: Pick<ServiceSpec, 'addresses' | 'families'>): Family[] {
  if (families !== undefined) return FAMILIES.filter((family) => families.includes(family));
  return addresses === undefined ? [...FAMILIES] : FAMILIES.filter((family) => addresses.some((address) => familyOf(address) === family));
}

const statusSchema: z.ZodType<ServiceStatus> = z.object({ addresses: z.array(field(parseAddress)) });

/** The virtual addresses that a service was given; none before it was. */
export function serviceAddresses({ status }: { status?: unknown }): string[] {
  const read = statusSchema.safeParse(status);
  return read.success ? read.data.addresses : [];
}
