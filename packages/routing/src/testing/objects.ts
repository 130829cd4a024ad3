/** For tests: hosts and blocks with nothing in them but what routes depend on. */
import { type Block, blockName, type Host, type Pool, type VxlanMode } from '@weir/resources';
import { type BlockRoute, desiredRoutes, type RoutingState } from '../routes/routes.ts';
import { tunnelMac } from '../tunnel/tunnel.ts';

export const host = (name: string, ...addresses: string[]): Host => ({
  apiVersion: 'weir/v1',
  kind: 'Host',
  metadata: { name, labels: {}, annotations: {} },
  spec: { addresses, subnets: [], mesosTraffic: { agentPorts: [5051], healthChecks: 'Always' } },
});

/** A host with its end of tunnels at its first address. */
export const hostWithTunnel = (name: string, subnets: string[], ...addresses: string[]): Host => {
  const { spec, ...rest } = host(name, ...addresses);
  const vxlan = { address: addresses[0]!, mac: tunnelMac(name), port: 4789, vni: 4096, tunnelAddresses: [] };
  return { ...rest, spec: { ...spec, subnets, vxlan } };
};

export const pool = (vxlan: VxlanMode, cidr = '10.0.0.0/16'): Pool => ({
  apiVersion: 'weir/v1',
  kind: 'Pool',
  metadata: { name: 'p', labels: {}, annotations: {} },
  spec: { cidr, blockSize: 26, disabled: false, vxlan, natOutgoing: false, visibility: 'Routed', routes: 'Blocks' },
});

/** `borrowed` has the hosts of addresses that others than the owner hold. */
export const block = (cidr: string, owner: string, borrowed: Record<string, string> = {}): Block => ({
  apiVersion: 'weir/v1',
  kind: 'Block',
  metadata: { name: blockName({ cidr }), labels: {}, annotations: {} },
  spec: {
    cidr,
    pool: 'p',
    host: owner,
    sequence: 0,
    released: {},
    allocations: Object.fromEntries(
      Object.entries(borrowed).map(([address, holder]) => [
        address,
        { containerId: 'c', interfaceName: 'eth0', network: 'n', host: holder, sequence: 0 },
      ]),
    ),
  },
});

/** The routes to blocks of a pool without tunnels, unless the state has pools. */
export const routesOf = (state: Omit<RoutingState, 'pools'> & Partial<Pick<RoutingState, 'pools'>>): Map<string, BlockRoute> =>
  desiredRoutes({ pools: [], ...state }).routes;
