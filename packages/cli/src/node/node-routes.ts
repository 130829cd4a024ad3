import { CliError } from '../cli-error.ts';
import { configuredHost } from '../ipam/kernel-addresses.ts';
import { listObjects } from '../objects/list-objects.ts';
import { notFound } from '../objects/not-found.ts';
import type { Stores } from '../objects/stores.ts';
import { type Column, renderTable } from '../output/table.ts';
import { flanneldHosts, presentAgents } from './presence.ts';
import { type KernelRoute, type RouteRow, routeRows } from './route-rows.ts';

export interface RoutesRequest {
  /** Names of hosts; none: this machine's. */
  names: readonly string[];
  all: boolean;
  /** Whether this machine's kernel is that of the named host, whatever the machine is called. */
  isHere: boolean;
  /** The configuration file that flag or variable names. */
  config: string | undefined;
}

/** @throws CliError ENOTFOUND for a name that is no host's */
export async function readRoutes(stores: Stores, { names, all, isHere, config }: RoutesRequest): Promise<RouteRow[]> {
  const [hosts, blocks, pools, agents] = await Promise.all([
    listObjects(stores, 'Host', {}),
    listObjects(stores, 'Block', {}),
    listObjects(stores, 'Pool', {}),
    presentAgents(stores.store),
  ]);
  const known = hosts.map(({ metadata }) => metadata.name);
  const here = isHere ? names[0]! : await configuredHost(config);
  if (names.length === 0 && !all && !known.includes(here))
    throw new CliError('ENOTFOUND', `this machine is host/${here}, which was not found: name a host, or all with --all`);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new CliError('ENOTFOUND', unknown.map((name) => notFound({ kind: 'Host', name }).message).join('\n'));
  const wanted = all ? known : names.length === 0 ? [here] : names;
  const kernel = wanted.includes(here) ? await kernelRoutes() : undefined;
  return wanted.flatMap((name) =>
    routeRows(name, { hosts, blocks, pools, flanneldHosts: flanneldHosts(agents) }, name === here ? kernel : undefined),
  );
}

/** Of the network namespace that this process is in. */
async function kernelRoutes(): Promise<KernelRoute[]> {
  const { MAIN_TABLE, Netlink } = await import('@weir/kernel');
  using netlink = Netlink.open();
  const names = new Map(netlink.links().map(({ index, name }) => [index, name]));
  return netlink.routes({ table: MAIN_TABLE }).map(({ destination, type = 'unicast', via, link, protocol = 0, nextHops }) => {
    const [first] = nextHops ?? [];
    const [gateway, index] = [via ?? first?.via, link ?? first?.link];
    const device = index === undefined ? undefined : names.get(index);
    return { destination, type, protocol, ...(gateway !== undefined && { via: gateway }), ...(device !== undefined && { device }) };
  });
}

const COLUMNS: Column<RouteRow>[] = [
  { header: 'DESTINATION', value: ({ destination }) => destination },
  { header: 'MODE', value: ({ mode }) => mode },
  { header: 'HOST', value: ({ host }) => host ?? '' },
  { header: 'VIA', value: ({ via }) => via ?? '' },
  { header: 'DEVICE', value: ({ device }) => device ?? '' },
  { header: 'POOL', value: ({ pool }) => pool ?? '' },
  { header: 'KERNEL', value: ({ kernel }) => kernel ?? '?' },
  { header: 'NOTE', value: ({ note }) => note ?? '', shrinks: true },
];

export function formatRoutes(rows: readonly RouteRow[], width: number): string {
  if (rows.length === 0) return 'No routes: no host owns a block yet.\n';
  const hosts = new Set(rows.map(({ on }) => on));
  const columns = hosts.size > 1 ? [{ header: 'ON', value: ({ on }: RouteRow) => on }, ...COLUMNS] : COLUMNS;
  return renderTable(columns, rows, width);
}
