/** Services, and what is behind them. */
import {
  type Endpoint,
  type Namespace,
  type Service,
  type ServiceBackend,
  type ServicePort,
  serviceAddresses,
  serviceBackends,
  targetPortOf,
} from '@weir/resources';
import { labelsOfNamespace, servicePortText } from '../output/columns.ts';
import type { Field } from './field.ts';
import type { Surroundings } from './surroundings.ts';

export function serviceFields(service: Service, { endpoints, namespaces }: Surroundings): Field[] {
  const { selector, ports, sessionAffinity } = service.spec;
  const backends = serviceBackends(service, endpoints, labelsOfNamespace(service, namespaces));
  return [
    ['Addresses', serviceAddresses(service)],
    ['Ports', ports.map(servicePortText)],
    ['Selector', selector ?? []],
    ['Session affinity', sessionAffinity === 'ClientIP' ? 'a client comes to the same backend, by its address' : 'none'],
    [
      'Backends',
      [`${backends.filter(({ ready }) => ready).length} of ${backends.length} ready`, ...backends.map((one) => backendLine(one, ports))],
    ],
  ];
}

function backendLine({ endpoint, addresses, ready }: ServiceBackend, ports: readonly ServicePort[]): string {
  const named = endpoint === undefined ? [] : endpoint.spec.ports;
  const missing = ports.filter((port) => targetPortOf(port, named) === undefined).map(({ targetPort }) => `no port "${targetPort}"`);
  const state = [ready ? 'ready' : `not ready${endpoint === undefined ? '' : whyNot(endpoint)}`, ...missing].join(', ');
  const who = endpoint === undefined ? 'outside of Weir' : `${endpoint.metadata.name} on ${endpoint.spec.host}`;
  return `${addresses.join(', ') || 'no address'}  ${state}  ${who}`;
}

function whyNot({ spec: { waitsForLabels, ready } }: Endpoint): string {
  if (waitsForLabels) return ': the labels of its task are not known yet';
  return ready === false ? ': its health checks fail, or have not passed yet, or it is about to end' : ': its health checks fail';
}

/** `shop/web`, and whether it leads to the endpoint now; nothing where the endpoint is none of its backends. */
export function behindText(service: Service, endpoint: Endpoint, namespaces: readonly Namespace[]): string[] {
  const [own] = serviceBackends(service, [endpoint], labelsOfNamespace(service, namespaces)).filter(
    (backend) => backend.endpoint !== undefined,
  );
  const { namespace, name } = service.metadata;
  return own === undefined ? [] : [`${namespace}/${name}${own.ready ? '' : ', which leads nobody to it: it is not ready'}`];
}
