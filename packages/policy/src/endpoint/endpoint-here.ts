/** Which endpoints a table is for: those of one host or, where it is for no kernel, those of all. Pure. */
import type { Endpoint, EndpointSpec, HostEndpoint } from '@weir/resources';

/**
 * @param host undefined: the endpoints of all hosts
 * @returns undefined for another host's
 */
export function endpointHere(host: string | undefined, key: string, object: Endpoint | undefined): Endpoint | undefined {
  if (host !== undefined) return object?.spec.host === host ? object : undefined;
  // Two hosts may have interfaces of one name; what tells them apart here is the endpoint.
  return object && { ...object, spec: { ...withoutBridge(object.spec), hostInterface: key } };
}

/** As {@link endpointHere}, for an endpoint of a host itself. */
export function hostEndpointHere(host: string | undefined, key: string, object: HostEndpoint): HostEndpoint | undefined {
  if (host !== undefined) return object.spec.host === host ? object : undefined;
  return { ...object, spec: { ...object.spec, interfaceName: key } };
}

function withoutBridge({ bridge: _, ...spec }: EndpointSpec): EndpointSpec {
  return spec;
}
