/** The routes of a host, with whose they are: what the objects call for, held against what its kernel has. Pure. */
import { type Block, cidrContains, type Host, type Pool } from '@weir/resources';
import { BIRD_PROTOCOL, desiredRoutes, isFlannelLink, ROUTE_PROTOCOL, TUNNEL_LINK } from '@weir/routing';
import { compareAddresses } from '../output/address-order.ts';

export interface RouteRow {
  /** The host that has the route. */
  on: string;
  /** CIDR. */
  destination: string;
  via: string | null;
  device: string | null;
  /** `local`: an own block, of which containers' own routes lead on. `none`: no way, whoever sends there is told so. */
  mode: 'native' | 'vxlan' | 'bgp' | 'flannel' | 'local' | 'none';
  /** Whose containers are there; null where the store does not know. */
  host: string | null;
  pool: string | null;
  /** Null: not looked at, since it is not this machine's. */
  kernel: 'yes' | 'no' | 'other' | 'extra' | null;
  /** What is not as it should be. */
  note: string | null;
}

export interface KernelRoute {
  destination: string;
  type: string;
  via?: string;
  /** Name. */
  device?: string;
  /** rtnetlink's number of who made it. */
  protocol: number;
}

export interface RouteObjects {
  hosts: readonly Host[];
  blocks: readonly Block[];
  pools: readonly Pool[];
  /** As agents tell of them; of this machine its kernel tells, too. */
  flanneldHosts?: ReadonlySet<string>;
}

/** @param kernel the host's routes in its main table; undefined: not known */
export function routeRows(on: string, objects: RouteObjects, kernel: readonly KernelRoute[] | undefined): RouteRow[] {
  const { hosts, blocks, pools, flanneldHosts } = objects;
  const self = hosts.find(({ metadata }) => metadata.name === on);
  const tunnel = self?.spec.vxlan && { ...self.spec.vxlan, link: 0 };
  const hasFlanneld = kernel?.some(({ device }) => device !== undefined && isFlannelLink(device)) ?? flanneldHosts?.has(on) ?? false;
  const { routes } = desiredRoutes({ self: on, hosts, blocks, pools, hasFlanneld, ...(tunnel && { tunnel }) });
  const ours = kernel?.filter(isOurs);
  const rows = [...routes.values()].map((route): RouteRow => {
    const owner = ownerOf(route.destination, objects);
    const mode = route.type === 'blackhole' ? 'local' : route.type === 'unreachable' ? 'none' : route.onLink ? 'vxlan' : 'native';
    const wanted = { via: route.via ?? null, device: route.onLink ? TUNNEL_LINK : null, mode } as const;
    const note = route.problem ?? null;
    return { on, destination: route.destination, ...owner, ...wanted, ...held(ours, { ...route, note, device: wanted.device }) };
  });
  const seen = new Set(routes.keys());
  const add = (row: RouteRow) => {
    if (!seen.has(row.destination)) rows.push(row);
    seen.add(row.destination);
  };
  for (const row of flannelRows(on, objects, ours)) add(row);
  for (const row of bgpRows(on, objects, ours)) add(row);
  for (const { destination, via, device, protocol } of ours ?? []) {
    const isBgp = protocol === BIRD_PROTOCOL;
    const note = isBgp ? null : 'nothing calls for it';
    const found = { via: via ?? null, device: device ?? null, mode: isBgp ? ('bgp' as const) : ('native' as const) };
    add({ on, destination, ...found, ...ownerOf(destination, objects), kernel: isBgp ? 'yes' : 'extra', note });
  }
  return rows.sort((one, other) => compareAddresses(one.destination, other.destination));
}

/** A container's own route leads to its link without a gateway: there is one for each, and `weir endpoint list` shows them. */
function isOurs({ protocol, type, via }: KernelRoute): boolean {
  if (protocol === BIRD_PROTOCOL) return true;
  return protocol === ROUTE_PROTOCOL && (type !== 'unicast' || via !== undefined);
}

interface Wanted {
  destination: string;
  type?: string | undefined;
  via?: string | undefined;
  device: string | null;
  note: string | null;
}

/** What the kernel has in its place; the device, too, where only the kernel can tell it. */
function held(
  kernel: readonly KernelRoute[] | undefined,
  { destination, type, via, device, note }: Wanted,
): Partial<RouteRow> & Pick<RouteRow, 'kernel' | 'note'> {
  if (kernel === undefined) return { kernel: null, note };
  const present = kernel.find((route) => route.destination === destination);
  if (present === undefined) return { kernel: 'no', note: note ?? 'the kernel does not have it' };
  const isSame = present.type === type && present.via === via && (device === null || present.device === device);
  if (isSame) return { kernel: 'yes', note, device: present.type === 'unicast' ? (present.device ?? null) : null };
  return { kernel: 'other', note: `the kernel has ${textOf(present)}` };
}

function textOf({ type, via, device }: KernelRoute): string {
  if (type !== 'unicast') return type;
  return [...(via === undefined ? [] : [`via ${via}`]), ...(device === undefined ? [] : [`dev ${device}`])].join(' ');
}

/** Leases of other hosts that have nothing of Weir's are not in its store: of them only this machine's kernel tells. */
function flannelRows(on: string, { hosts, pools }: RouteObjects, kernel: readonly KernelRoute[] | undefined): RouteRow[] {
  if (hosts.find(({ metadata }) => metadata.name === on)?.spec.flannel === undefined) return [];
  const poolOf = (subnet: string) =>
    pools.find(({ spec }) => spec.routes === 'Flannel' && cidrContains(spec.cidr, subnet))?.metadata.name ?? null;
  const find = (subnet: string) => kernel?.find(({ destination }) => destination === subnet);
  const known = hosts.flatMap(({ metadata, spec }) =>
    (spec.flannel?.subnets ?? []).map((destination): RouteRow => {
      const route = find(destination);
      const isOwn = metadata.name === on;
      return {
        ...{ on, destination, via: route?.via ?? null, device: route?.via === undefined ? null : (route.device ?? null) },
        ...{ mode: isOwn ? 'local' : 'flannel', host: metadata.name, pool: poolOf(destination) },
        kernel: kernel === undefined ? null : route === undefined ? 'no' : 'yes',
        note: kernel !== undefined && route === undefined ? 'the kernel does not have it' : null,
      };
    }),
  );
  const others = (kernel ?? []).flatMap(({ destination, type, via, device, protocol }): RouteRow[] => {
    const pool = poolOf(destination);
    if (protocol !== ROUTE_PROTOCOL || type === 'blackhole' || pool === null) return [];
    const mode = type === 'unicast' ? 'flannel' : 'none';
    return [{ on, destination, via: via ?? null, device: device ?? null, mode, host: null, pool, kernel: 'yes', note: null }];
  });
  return [...known, ...others];
}

/** Blocks of others whose routes the routing daemon is told of. */
function bgpRows(on: string, { blocks, pools }: RouteObjects, kernel: readonly KernelRoute[] | undefined): RouteRow[] {
  const byBgp = new Set(pools.filter(({ spec }) => spec.routes === 'Bgp').map(({ metadata }) => metadata.name));
  return blocks.flatMap(({ spec: { cidr: destination, host, pool } }): RouteRow[] => {
    if (host === on || !byBgp.has(pool)) return [];
    const route = kernel?.find((one) => one.destination === destination);
    const isThere = route === undefined ? ('no' as const) : ('yes' as const);
    const note = kernel !== undefined && route === undefined ? 'no BGP peer has told of it: weir node status' : null;
    return [
      {
        ...{ on, destination, via: route?.via ?? null, device: route?.device ?? null, mode: 'bgp', host, pool },
        kernel: kernel === undefined ? null : isThere,
        note,
      },
    ];
  });
}

/** Of a block, or of one address that another host than the block's has. */
function ownerOf(destination: string, { blocks }: RouteObjects): Pick<RouteRow, 'host' | 'pool'> {
  const address = destination.slice(0, destination.indexOf('/'));
  const whole = blocks.find(({ spec }) => spec.network === undefined && spec.cidr === destination);
  const block = whole ?? blocks.find(({ spec }) => spec.network === undefined && cidrContains(spec.cidr, address));
  if (block === undefined) return { host: null, pool: null };
  const host = whole === undefined ? (block.spec.allocations[address]?.host ?? block.spec.host) : block.spec.host;
  return { host, pool: block.spec.pool };
}
