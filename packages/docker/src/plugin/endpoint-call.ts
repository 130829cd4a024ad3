/** Calls of the CNI tools that do what Docker asks for. Pure. */
import type { Call } from '@weir/cni';
import { type DockerFacts, weirLabel } from '@weir/resources';
import type { DockerOwner } from './endpoint-identity.ts';
import type { NetworkOptions } from './network-options.ts';
import type { PoolChoice } from './pool-id.ts';

const CNI_VERSION = '1.1.0';

/** Docker gives no name with a request for an address, and none is needed: who has it says the endpoint. */
const ADDRESS_NETWORK = 'docker';

function call(
  command: Call['command'],
  { containerId, interfaceName }: DockerOwner,
  config: { name: string; [key: string]: unknown },
): Call {
  return {
    command,
    containerId,
    interfaceName,
    pluginPath: [],
    environment: {},
    config: { cniVersion: CNI_VERSION, ...config },
    cniVersion: CNI_VERSION,
  };
}

/** For `weir-ipam`. @param address the one that the user wants */
export function addressCall(owner: DockerOwner, { family, pools }: PoolChoice, address?: string): Call {
  return call('ADD', owner, {
    name: ADDRESS_NETWORK,
    ipam: { type: 'weir-ipam', families: [family], ...(pools !== undefined && { pools }) },
    ...(address !== undefined && { runtimeConfig: { ips: [address] } }),
  });
}

export interface EndpointRequest {
  owner: DockerOwner;
  mac: string;
  docker: DockerFacts;
  network: { name: string; options: NetworkOptions };
  labels: { key: string; value: string }[];
}

/** For `weir`: everything but the addresses, which the owner holds already. */
export function endpointCall({ owner, mac, docker, network, labels }: EndpointRequest): Call {
  const { mtu, namespace, defaultAction, waitForLabels } = network.options;
  return {
    ...call('ADD', owner, {
      name: network.name,
      chain: [
        { type: 'weir-route', ipam: { type: 'weir-ipam' }, ...(mtu !== undefined && { mtu }) },
        {
          type: 'weir-policy',
          waitForLabels,
          ...(namespace !== undefined && { namespace }),
          ...(defaultAction !== undefined && { defaultAction }),
        },
      ],
      args: { cni: { labels } },
      runtimeConfig: { mac },
    }),
    // Docker makes it later. A result has to tell the container's end from the host's, and nobody looks there.
    namespace: `docker/${docker.endpoint}`,
    docker: { ...docker, ...(labels.some(({ key }) => weirLabel(key) === 'weir/namespace') && { namespaceGiven: true }) },
  };
}

/** For `weir`: link and rules go, and the addresses stay until Docker gives them back. */
export function removalCall(owner: DockerOwner): Call {
  return call('DEL', owner, { name: ADDRESS_NETWORK, chain: [{ type: 'weir-route' }, { type: 'weir-policy' }] });
}
