/** What `weir describe` says, for programs: the object as `weir get -o json` has it, and what it has to do with others. */
import { type AnyObject, tierOf } from '@weir/resources';
import { plain } from '../output/object-output.ts';
import { endpointRelations, hostEndpointRelations, policyRelations, serviceRelations, tierRelations } from './relations.ts';
import type { Surroundings } from './surroundings.ts';

export interface DescribedObject {
  object: object;
  /** By kind; empty of those that stand for themselves. Other objects are references. */
  related: Record<string, unknown>;
}

export function describeJson(object: AnyObject, surroundings: Surroundings): DescribedObject {
  return { object: plain(object), related: relationsOf(object, surroundings) };
}

function relationsOf(object: AnyObject, surroundings: Surroundings): Record<string, unknown> {
  const { metadata } = object;
  switch (object.kind) {
    case 'Policy':
    case 'GlobalPolicy': {
      const { endpoints, hostEndpoints, ...standing } = policyRelations(object, surroundings);
      return { ...standing, tier: tierOf(object.spec), selects: [...endpoints, ...hostEndpoints].map(reference) };
    }
    case 'Endpoint': {
      const { services, ingress, egress, ...rest } = endpointRelations(object, surroundings);
      const lead = services.map(({ service, ready }) => ({ ...reference(service), ready }));
      return { ...rest, services: lead, ingress: ingress.map(reference), egress: egress.map(reference) };
    }
    case 'HostEndpoint': {
      const { policies, forward } = hostEndpointRelations(object, surroundings);
      return { policies: policies.map(reference), forward: forward.map(reference) };
    }
    case 'Tier':
      return { policies: tierRelations(object, surroundings).policies.map(reference) };
    case 'Host': {
      const own = surroundings.endpoints.filter(({ spec }) => spec.host === metadata.name);
      return { agent: surroundings.agents?.get(metadata.name) ?? null, endpoints: own.map(reference) };
    }
    case 'Namespace':
      return { endpoints: surroundings.endpoints.filter((endpoint) => endpoint.metadata.namespace === metadata.name).map(reference) };
    case 'Service': {
      const { backends } = serviceRelations(object, surroundings);
      return {
        backends: backends.map(({ endpoint, ...rest }) => ({ ...rest, endpoint: endpoint === undefined ? null : reference(endpoint) })),
      };
    }
    case 'Pool':
      return { use: surroundings.usage?.find(({ pool }) => pool === metadata.name) ?? null };
    default:
      return {};
  }
}

/** Enough to name it to any command; of an endpoint also where it is. */
function reference(object: AnyObject): object {
  const { kind, metadata } = object;
  const { namespace, name } = metadata;
  const place = object.kind === 'Endpoint' ? { host: object.spec.host, addresses: object.spec.addresses } : {};
  return { kind, ...(namespace !== undefined && { namespace }), name, ...place };
}
