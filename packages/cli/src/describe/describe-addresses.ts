/** Pools, their blocks, and who has which address. */
import type { Allocation, Block, IpamConfig, Pool } from '@weir/resources';
import { formatCount, formatUse } from '../ipam/ipam-table.ts';
import { compareAddresses } from '../output/address-order.ts';
import type { Field } from './field.ts';
import type { Surroundings } from './surroundings.ts';

const VISIBILITY: Readonly<Record<Pool['spec']['visibility'], string>> = {
  Private: 'hosts and containers of this cluster alone begin flows to them',
  Routed: 'whoever has a route reaches them',
  Exported: 'whoever has a route reaches them; announced to the fabric, where there are BGP peers',
};

const ROUTES: Readonly<Record<Pool['spec']['routes'], string>> = {
  Blocks: 'hosts have them from the store',
  Bgp: 'hosts have them from each other and the fabric, by BGP',
  None: 'none: the subnet of a link leads there',
  Flannel: 'to leases of a flannel network, by its backend',
};

export function poolFields({ metadata, spec }: Pool, { usage = [] }: Surroundings): Field[] {
  const own = usage.find(({ pool }) => pool === metadata.name);
  return [
    ['CIDR', spec.cidr],
    ['Block size', `/${spec.blockSize}`],
    ['State', spec.disabled ? 'disabled: no new addresses' : 'enabled'],
    ['VXLAN', { Never: 'never', Always: 'to every host', CrossSubnet: 'to hosts of other subnets' }[spec.vxlan]],
    ['Outgoing', spec.natOutgoing ? 'to addresses of no pool as their host' : 'under their own addresses'],
    ['Visibility', VISIBILITY[spec.visibility]],
    ['Routes', ROUTES[spec.routes]],
    ['For', poolUsers(spec)],
    ...(own === undefined
      ? []
      : ([
          ['In use', useText(own)],
          ['Blocks', own.blocks.map((block) => `${block.block} on ${block.host}: ${useText(block)}`)],
        ] satisfies Field[])),
  ];
}

function poolUsers({ hostSelector, namespaceSelector, selector }: Pool['spec']): string[] {
  const users = [
    ...(hostSelector === undefined ? [] : [`hosts with ${hostSelector}`]),
    ...(namespaceSelector === undefined ? [] : [`namespaces with ${namespaceSelector}`]),
    ...(selector === undefined ? [] : [`endpoints with ${selector}`]),
  ];
  return users.length === 0 ? ['every container'] : users;
}

function useText(usage: { used: number; size: number }): string {
  return `${formatCount(usage.used)} of ${formatCount(usage.size)} addresses (${formatUse(usage)})`;
}

export function blockFields({ spec }: Block): Field[] {
  return [
    ['CIDR', spec.cidr],
    ['Pool', spec.pool],
    ['Host', spec.host],
    [
      'Allocations',
      Object.entries(spec.allocations)
        .sort(([left], [right]) => compareAddresses(left, right))
        .map(([address, allocation]) => `${address} ${holderText(allocation, spec.host)}`),
    ],
  ];
}

/** What has an address: a container, with its host when that is not the block's own, and the claim that keeps it. */
function holderText({ containerId, interfaceName, host, claim }: Allocation, owner: string): string {
  const parts = containerId === undefined ? [] : [containerId, interfaceName, ...(host === owner ? [] : [`on ${host}`])];
  return [...parts, ...(claim === undefined ? [] : [`claim ${claim}`])].join(' ');
}

export function ipamFields({ spec }: IpamConfig): Field[] {
  return [
    [
      'Borrowing',
      spec.strictAffinity ? 'no: a host gives addresses of its own blocks alone' : "from other hosts' blocks, when a pool is full",
    ],
    ['Cool-down', `${spec.cooldownSeconds} s`],
    ['Empty blocks', `given back after ${spec.emptyBlockSeconds} s`],
    ['Service ranges', spec.serviceRanges],
    ['Dead hosts', `lose empty blocks after ${spec.deadHostSeconds} s`],
  ];
}
