import { type Family, familyOf } from './address/address.ts';
import { isReady, type NamedPort, spaceOf } from './kinds/endpoint.ts';
import type { ServicePort } from './kinds/service.ts';
import type { Labels } from './metadata.ts';
import type { Endpoint, Service } from './object.ts';
import { matches } from './selector/evaluate.ts';
import { parseSelector } from './selector/parse.ts';

/** One of those that a service leads to. */
export interface ServiceBackend {
  /** Absent for an address outside of Weir. */
  endpoint?: Endpoint;
  /** Of the endpoint, the first of each family. */
  addresses: string[];
  /** Takes new flows: see `isReady`. What is outside of Weir is taken for ready. */
  ready: boolean;
}

/**
 * Pure: all that a service leads to, ready or not, out of the endpoints that there are: endpoints in the order given, then its own addresses.
 *
 * @param inherited labels that the endpoints of the service's namespace have of it: its `labelsToApply`
 */
export function serviceBackends({ metadata, spec }: Service, endpoints: Iterable<Endpoint>, inherited: Labels = {}): ServiceBackend[] {
  const selector = spec.selector === undefined ? undefined : parseSelector(spec.selector);
  const outside = (spec.backends ?? []).map((address) => ({ addresses: [address], ready: true }));
  if (selector === undefined) return outside;
  const selected = [...endpoints].filter(
    (endpoint) =>
      endpoint.metadata.namespace === metadata.namespace &&
      spaceOf(endpoint.spec) === undefined &&
      matches(selector, { ...inherited, ...endpoint.metadata.labels }),
  );
  return [
    ...selected.map((endpoint) => ({ endpoint, addresses: backendAddresses(endpoint.spec.addresses), ready: isReady(endpoint.spec) })),
    ...outside,
  ];
}

/** Where of an endpoint's addresses services lead to: the first of each family. */
export function backendAddresses(addresses: readonly string[]): string[] {
  const families: readonly Family[] = ['IPv4', 'IPv6'];
  return families.flatMap((family) => addresses.find((address) => familyOf(address) === family) ?? []);
}

/** The port of a backend that a service's port leads to; undefined when it has none of that name and protocol. */
export function targetPortOf({ port, targetPort = port, protocol }: ServicePort, ports: readonly NamedPort[]): number | undefined {
  if (typeof targetPort === 'number') return targetPort;
  return ports.find((named) => named.name === targetPort && named.protocol === protocol)?.port;
}
