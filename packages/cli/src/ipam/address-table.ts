import type { AddressState } from '@weir/ipam';
import { type Column, renderTable } from '../output/table.ts';

const container = ({ holder }: AddressState): string =>
  holder?.containerId === undefined ? '' : `${holder.interfaceName} of ${holder.containerId}`;
const since = ({ holder }: AddressState): string => (holder?.since === undefined ? '' : new Date(holder.since).toISOString());

const COLUMNS: Column<AddressState>[] = [
  { header: 'ADDRESS', value: ({ address }) => address },
  { header: 'STATE', value: ({ state }) => state },
  { header: 'HOST', value: ({ holder }) => holder?.host ?? '' },
  { header: 'CONTAINER', value: container, shrinks: true },
  { header: 'NETWORK', value: ({ holder }) => holder?.network ?? '' },
  { header: 'CLAIM', value: ({ holder }) => holder?.claim ?? '' },
  { header: 'SINCE', value: since },
];

export function formatAddresses(addresses: readonly AddressState[], width: number): string {
  return addresses.length === 0 ? 'No address of it is held, kept or at rest.\n' : renderTable(COLUMNS, addresses, width);
}

/** All that is known of one address, a line for each. */
export function formatAddress(state: AddressState): string {
  const { address, pool, block, owner, holder, endpoint, reservation, restsUntil } = state;
  const lines: [string, string | undefined][] = [
    ['Address', address],
    ['State', stateText(state)],
    ['Pool', pool],
    ['Block', block && `${block} of host ${owner}`],
    ['Host', holder?.host],
    ['Container', holder?.containerId && `${container(state)}, network ${holder.network || 'unknown'}`],
    ['Since', since(state)],
    ['Claim', holder?.claim],
    ['Endpoint', endpoint],
    ['Reservation', reservation],
    ['Rests until', restsUntil && new Date(restsUntil).toISOString()],
  ].map(([name, value]) => [String(name), value === undefined ? undefined : String(value)]);
  return lines.flatMap(([name, value]) => (value ? [`${`${name}:`.padEnd(14)}${value}\n`] : [])).join('');
}

function stateText({ state, block }: AddressState): string {
  const meaning: Record<AddressState['state'], string> = {
    held: 'held by a container',
    kept: 'kept for a claim, which no container uses now',
    resting: 'free, given back a short time ago',
    reserved: 'free, and not given unasked',
    free: block === undefined ? 'free, of no block yet' : 'free',
    outside: 'of no pool',
  };
  return meaning[state];
}
