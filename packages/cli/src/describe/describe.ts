/** Objects as people read them, with what they mean for others. */
import { type AnyObject, claimedAddresses } from '@weir/resources';
import { printable } from '../output/printable.ts';
import { blockFields, ipamFields, poolFields } from './describe-addresses.ts';
import { bgpFields } from './describe-bgp.ts';
import { endpointFields } from './describe-endpoint.ts';
import { hostEndpointFields, hostFields } from './describe-host.ts';
import { namespaceFields, policyFields, tierFields } from './describe-policy.ts';
import { remoteClusterFields, remoteEndpointFields } from './describe-remote.ts';
import { serviceFields } from './describe-service.ts';
import { type Field, listOf } from './field.ts';
import type { Surroundings } from './surroundings.ts';

export function describe(object: AnyObject, surroundings: Surroundings): string {
  const { metadata } = object;
  const fields: Field[] = [
    ['Name', metadata.name],
    ...(metadata.namespace === undefined ? [] : [['Namespace', metadata.namespace] satisfies Field]),
    ['Kind', object.kind],
    ['Labels', listOf(metadata.labels)],
    ['Annotations', listOf(metadata.annotations)],
    ...specFields(object, surroundings),
  ];
  const column = Math.max(...fields.map(([name]) => name.length)) + 4;
  return fields.map((field) => formatField(field, column)).join('');
}

function formatField([name, value]: Field, column: number): string {
  const lines = typeof value === 'string' ? [value] : value.length === 0 ? ['<none>'] : value;
  return lines
    .flatMap((line) => line.split('\n'))
    .map((line, index) => `${(index === 0 ? `${name}:` : '').padEnd(column)}${printable(line)}`.trimEnd())
    .map((line) => `${line}\n`)
    .join('');
}

function specFields(object: AnyObject, surroundings: Surroundings): Field[] {
  switch (object.kind) {
    case 'Policy':
    case 'GlobalPolicy':
      return policyFields(object, surroundings);
    case 'Endpoint':
      return endpointFields(object, surroundings);
    case 'Tier':
      return tierFields(object, surroundings);
    case 'NetworkSet':
    case 'GlobalNetworkSet':
      return [['Nets', object.spec.nets]];
    case 'Pool':
      return poolFields(object, surroundings);
    case 'Host':
      return hostFields(object, surroundings);
    case 'HostEndpoint':
      return hostEndpointFields(object, surroundings);
    case 'Namespace':
      return namespaceFields(object, surroundings);
    case 'Block':
      return blockFields(object);
    case 'Reservation':
      return [
        ['Addresses', object.spec.addresses],
        ['Requests', object.spec.requests === 'Allow' ? 'allowed: who asks for one of them gets it' : 'refused'],
      ];
    case 'Claim':
      return [
        ['Holds', claimedAddresses(object)],
        ['Wants', object.spec.addresses ?? ['any addresses']],
        ['Pools', object.spec.pools ?? ["those of the container's network"]],
        ['Families', object.spec.families ?? ["those of the container's network"]],
      ];
    case 'Service':
      return serviceFields(object, surroundings);
    case 'Network':
      return [['Address space', object.spec.addressSpace === 'Own' ? 'its own: of pools that name it' : 'shared with other networks']];
    case 'BgpConfig':
    case 'BgpPeer':
    case 'BgpFilter':
      return bgpFields(object);
    case 'IpamConfig':
      return ipamFields(object);
    case 'RemoteCluster':
      return remoteClusterFields(object, surroundings);
    case 'RemoteEndpoint':
      return remoteEndpointFields(object);
  }
}
