/** Services, and what is behind them. */
import { type Endpoint, type Service, type ServiceBackend, type ServicePort, serviceAddresses, targetPortOf } from '@weir/resources';
import { servicePortText } from '../output/columns.ts';
import type { Field } from './field.ts';
import { type BehindService, serviceRelations } from './relations.ts';
import type { Surroundings } from './surroundings.ts';

export function serviceFields(service: Service, surroundings: Surroundings): Field[] {
  const { selector, ports, sessionAffinity } = service.spec;
  const { backends } = serviceRelations(service, surroundings);
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

/** `shop/web`, and whether it leads to the endpoint now. */
export function behindText({ service, ready }: BehindService): string {
  const { namespace, name } = service.metadata;
  return `${namespace}/${name}${ready ? '' : ', which leads nobody to it: it is not ready'}`;
}
