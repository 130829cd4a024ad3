/** What an object has to do with others, as values: of all that `weir describe` says, what is not in the object itself. */
import {
  BUILT_IN_TIERS,
  type Endpoint,
  type GlobalPolicy,
  type HostEndpoint,
  keyOf,
  type Namespace,
  type NamespaceDefault,
  type Policy,
  type Service,
  type ServiceBackend,
  serviceBackends,
  type Tier,
  tierOf,
} from '@weir/resources';
import { labelsOfNamespace } from '../output/columns.ts';
import { inOrderOfEvaluation, selects, selectsHost } from '../output/policy-selection.ts';
import { policyStatus } from '../output/policy-status.ts';
import type { Surroundings } from './surroundings.ts';

type AnyPolicy = Policy | GlobalPolicy;

/** `place`: counted from 1, of those in its tier that are `asked` in their order; absent where it is none of them. */
export function policyRelations(policy: AnyPolicy, surroundings: Surroundings) {
  const { endpoints, namespaces, hostEndpoints = [], policies, tiers = [], unreadableFor = () => [] } = surroundings;
  const ofTier = policies.filter((other) => tierOf(other.spec) === tierOf(policy.spec));
  const place = inOrderOfEvaluation(ofTier, tiers).findIndex((other) => keyOf(other) === keyOf(policy));
  const tierNames = new Set([...BUILT_IN_TIERS.keys(), ...tiers.map((tier) => tier.metadata.name)]);
  return {
    status: policyStatus(policy, { tiers: tierNames, unreadableFor }),
    ...(place !== -1 && { place: place + 1 }),
    asked: ofTier.length,
    endpoints: endpoints.filter((endpoint) => selects(policy, endpoint, namespaces)),
    hostEndpoints: hostEndpoints.filter((hostEndpoint) => selectsHost(policy, hostEndpoint)),
  };
}

export interface BehindService {
  service: Service;
  ready: boolean;
}

/** The defaults hold where no policy is for the endpoint in that direction. */
export function endpointRelations(endpoint: Endpoint, surroundings: Surroundings) {
  const { policies, namespaces, services = [], tiers = [], agents } = surroundings;
  const own = inOrderOfEvaluation(
    policies.filter((policy) => selects(policy, endpoint, namespaces)),
    tiers,
  );
  const by = (direction: 'Ingress' | 'Egress') => own.filter((policy) => policy.spec.types.includes(direction));
  const home = namespaces.find(({ metadata }) => metadata.name === endpoint.metadata.namespace)?.spec;
  const preset = (ofNamespace: NamespaceDefault | undefined): NamespaceDefault =>
    endpoint.spec.defaultAction === 'Deny' ? 'Deny' : (ofNamespace ?? home?.defaultAction ?? 'Allow');
  return {
    agentIsUp: agents?.has(endpoint.spec.host) !== false,
    services: services.flatMap((service) => behind(service, endpoint, namespaces)),
    ingress: by('Ingress'),
    egress: by('Egress'),
    defaultIngress: preset(home?.defaultIngress),
    defaultEgress: preset(home?.defaultEgress),
  };
}

function behind(service: Service, endpoint: Endpoint, namespaces: readonly Namespace[]): BehindService[] {
  const backends = serviceBackends(service, [endpoint], labelsOfNamespace(service, namespaces));
  const own = backends.find((backend) => backend.endpoint !== undefined);
  return own === undefined ? [] : [{ service, ready: own.ready }];
}

/** `forward`: those of them that are asked of what passes through the host, too. */
export function hostEndpointRelations(hostEndpoint: HostEndpoint, { policies, tiers = [] }: Surroundings) {
  const own = inOrderOfEvaluation(
    policies.filter((policy) => selectsHost(policy, hostEndpoint)),
    tiers,
  );
  return { policies: own, forward: own.filter((policy) => policy.kind === 'GlobalPolicy' && policy.spec.applyOnForward === true) };
}

export function tierRelations({ metadata }: Tier, { policies, tiers = [] }: Surroundings) {
  const own = policies.filter((policy) => tierOf(policy.spec) === metadata.name);
  return { policies: inOrderOfEvaluation(own, tiers) };
}

export function serviceRelations(service: Service, { endpoints, namespaces }: Surroundings): { backends: ServiceBackend[] } {
  return { backends: serviceBackends(service, endpoints, labelsOfNamespace(service, namespaces)) };
}
