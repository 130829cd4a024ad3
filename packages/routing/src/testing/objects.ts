/** For tests: hosts and blocks with nothing in them but what routes depend on. */
import { type Block, blockName, type Host } from '@weir/resources';

export const host = (name: string, ...addresses: string[]): Host => ({
  apiVersion: 'weir/v1',
  kind: 'Host',
  metadata: { name, labels: {}, annotations: {} },
  spec: { addresses, mesosTraffic: { agentPorts: [5051], healthChecks: 'Always' } },
});

/** `borrowed` has the hosts of addresses that others than the owner hold. */
export const block = (cidr: string, owner: string, borrowed: Record<string, string> = {}): Block => ({
  apiVersion: 'weir/v1',
  kind: 'Block',
  metadata: { name: blockName(cidr), labels: {}, annotations: {} },
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
